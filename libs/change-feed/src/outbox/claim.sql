-- Takes unapplied changes for dispatch: the oldest, and the newest, so that somebody's edit does not wait behind a mass
-- change that was committed before it. Several relays never take the same.
-- By state, not by a cursor over seq: numbers are given out in another order than transactions commit.
-- $1 how many at most, $2 after how many ms an unacknowledged dispatch is repeated, $3 how many ms ago the doorbell was
-- heard that led here, null if the relay looked by itself, $4 how many of the newest at most
-- The row as it was before its first claim still names the transaction that wrote it.
update catalog.outbox
set
  dispatched_at = clock_timestamp(),
  dispatches = dispatches + 1,
  rung_at = coalesce(rung_at, clock_timestamp() - make_interval(secs => $3::float8 / 1000)),
  committed_at = case
    when dispatches = 0 and committed_at is null and current_setting('track_commit_timestamp')::boolean
      then pg_xact_commit_timestamp(outbox.xmin)
    else committed_at
  end
where ctid = any (
  array(
    select ctid
    from catalog.outbox
    where applied_at is null
      and (dispatched_at is null or dispatched_at < clock_timestamp() - make_interval(secs => $2::float8 / 1000))
    order by seq
    limit $1
    for update skip locked
  ) || array(
    select ctid
    from catalog.outbox
    where applied_at is null
      and (dispatched_at is null or dispatched_at < clock_timestamp() - make_interval(secs => $2::float8 / 1000))
    order by seq desc
    limit $4
    for update skip locked
  )
)
returning seq, entity, key, version, dispatches
