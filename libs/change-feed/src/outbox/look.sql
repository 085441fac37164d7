-- The first and the last change that are visible now and not applied; both null when there is none.
select
  (select seq from catalog.outbox where applied_at is null order by seq limit 1) as oldest,
  (select seq from catalog.outbox where applied_at is null order by seq desc limit 1) as newest
