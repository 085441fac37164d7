-- Takes unapplied changes for dispatch: those of the oldest transactions and those of the newest. An edit then does not wait behind
-- a mass change that was committed before it. Two relays never take the same change. Changes of transactions that have not ended
-- are skipped through the index, so a long mass change costs nothing while it runs.
-- Changes are chosen by their state. A cursor would lose changes, because transactions commit in another order than they begin.
-- $1 how many of the oldest at most, $2 ms after which an unacknowledged dispatch is repeated, $3 how many ms ago the doorbell
-- was heard, null when the relay looked by itself, $4 how many of the newest at most, $5 the horizon of an earlier look, or null
-- Before the first claim, xmin of the row is still the transaction that wrote it; its commit time is read from there.
-- Versions inserted by hand are clamped to valid ones, so that the key is still invalidated.
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
    from catalog.outbox_ranges($5::text::catalog.outbox_horizon) as searched
    cross join lateral (
      select o.ctid
      from catalog.outbox o
      where o.applied_at is null
        and (o.transaction_id, o.seq) > (searched.above, searched.above_seq) and o.transaction_id < searched.below
        and (o.dispatched_at is null or o.dispatched_at < clock_timestamp() - make_interval(secs => $2::float8 / 1000))
      order by o.transaction_id, o.seq
      limit $1
      for update skip locked
    ) as due
    limit $1
  ) || array(
    select due.ctid
    from (
      select above, above_seq, below from catalog.outbox_ranges($5::text::catalog.outbox_horizon) order by above desc
    ) as searched
    cross join lateral (
      select o.ctid
      from catalog.outbox o
      where o.applied_at is null
        and (o.transaction_id, o.seq) > (searched.above, searched.above_seq) and o.transaction_id < searched.below
        and (o.dispatched_at is null or o.dispatched_at < clock_timestamp() - make_interval(secs => $2::float8 / 1000))
      order by o.transaction_id desc, o.seq desc
      limit $4
      for update skip locked
    ) as due
    limit $4
  )
)
returning seq, transaction_id::text::bigint as transaction, entity, key, version, dispatches
