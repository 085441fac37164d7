-- $1 the incarnation that the asking process writes to
-- Answer: oldest and newest, the first and the last change that are visible now and not applied, both null when there is
-- none; registered, whether what counts as applied was applied to that incarnation.
select
  (select seq from catalog.outbox where applied_at is null order by seq limit 1) as oldest,
  (select seq from catalog.outbox where applied_at is null order by seq desc limit 1) as newest,
  exists (select from catalog.cache_incarnation where incarnation = $1) as registered
