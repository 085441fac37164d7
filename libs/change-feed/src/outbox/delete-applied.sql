-- Deletes applied changes that are older than the replay window.
-- $1 the replay window in ms, $2 how many at most
-- The age is checked twice: the row may have changed after the inner query chose it.
delete from catalog.outbox
where ctid = any (array(
  select ctid from catalog.outbox
  where applied_at < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
  limit $2
)) and applied_at < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
