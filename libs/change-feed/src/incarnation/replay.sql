-- Makes changes unapplied that were applied to other incarnations of shards within the replay window. The relay then dispatches
-- them again. It takes only the newest change of each key: invalidating that version invalidates all earlier ones. The others
-- count as applied to the registered incarnation.
-- Runs in a transaction that holds the replay lock, and as its own statement: its snapshot must include the acknowledgements that
-- the registration waited for, and the replays of other workers. Safe to repeat. Changes get the number of this transaction:
-- relays do not search transactions that ended before a look.
-- $1 the registered incarnation, $2 the replay window in ms, $3 the registered incarnations of the shards, $4 how many rows at most
-- Answer: rows, how many rows it has changed; replayed, how many of them are unapplied now
with missed as materialized (
  select
    o.ctid as place,
    row_number() over (partition by o.entity, o.key order by o.version desc, o.seq desc) = 1 as is_newest
  from catalog.outbox o, catalog.cache_incarnation registered
  where registered.incarnation = $1
    and o.applied_to <> all (registered.incarnations)
    and o.applied_at > clock_timestamp() - make_interval(secs => $2::float8 / 1000)
  order by o.entity, o.key, o.version desc, o.seq desc
  limit $4
), changed as (
  update catalog.outbox o
  set
    applied_at = case when not is_newest then applied_at end,
    applied_to = case when not is_newest then ($3::text[])[1] end,
    dispatched_at = case when not is_newest then dispatched_at end,
    dispatches = case when not is_newest then dispatches else 0 end,
    transaction_id = case when is_newest then pg_current_xact_id() else transaction_id end
  from missed
  where o.ctid = missed.place and o.applied_to <> all ($3::text[])
  returning is_newest
)
select count(*) as rows, count(*) filter (where is_newest) as replayed from changed
