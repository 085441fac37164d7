-- Takes unapplied changes for dispatch, oldest first; several relays never take the same.
-- By state, not by a cursor over seq: numbers are given out in another order than transactions commit.
-- $1 how many at most, $2 after how many ms an unacknowledged dispatch is repeated
update catalog.outbox
set dispatched_at = clock_timestamp(), dispatches = dispatches + 1
where ctid = any (array(
  select ctid
  from catalog.outbox
  where applied_at is null
    and (dispatched_at is null or dispatched_at < clock_timestamp() - make_interval(secs => $2::float8 / 1000))
  order by seq
  limit $1
  for update skip locked
))
returning seq, entity, key, version, dispatches
