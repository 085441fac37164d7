-- Takes unapplied changes for dispatch: of the oldest transactions, and of the newest, so that somebody's edit does not wait behind a
-- mass change that began before it. Several relays never take the same. Transactions that have not ended are passed over,
-- however much they have written.
-- By state, not by a cursor: transactions end in another order than they begin.
-- $1 how many at most, $2 after how many ms an unacknowledged dispatch is repeated, $3 how many ms ago the doorbell was
-- heard that led here, null if the relay looked by itself, $4 how many of the newest at most
-- The row as it was before its first claim still names the transaction that wrote it.
-- A version that is none was written by somebody's hand: the nearest that is one invalidates the key.
update catalog.outbox
set
  version = least(greatest(version, 0), 9007199254740991),
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
    select due.ctid
    from catalog.ended_transactions() as ended
    cross join lateral (
      select o.ctid
      from catalog.outbox o
      where o.applied_at is null
        and o.transaction_id > ended.above and o.transaction_id < ended.below
        and (o.dispatched_at is null or o.dispatched_at < clock_timestamp() - make_interval(secs => $2::float8 / 1000))
      order by o.transaction_id, o.seq
      limit $1
      for update skip locked
    ) as due
    limit $1
  ) || array(
    select due.ctid
    from (select above, below from catalog.ended_transactions() order by above desc) as ended
    cross join lateral (
      select o.ctid
      from catalog.outbox o
      where o.applied_at is null
        and o.transaction_id > ended.above and o.transaction_id < ended.below
        and (o.dispatched_at is null or o.dispatched_at < clock_timestamp() - make_interval(secs => $2::float8 / 1000))
      order by o.transaction_id desc, o.seq desc
      limit $4
      for update skip locked
    ) as due
    limit $4
  )
)
returning seq, transaction_id::text::bigint as transaction, entity, key, version, dispatches
