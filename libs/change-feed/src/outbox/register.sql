-- Makes an incarnation of the cache the one that changes count as applied to. If it is another than before, what
-- was applied to a former one within the replay window counts as not applied, and is dispatched again.
-- $1 the incarnation, $2 the replay window in ms
-- Answer: how many changes are to be replayed
with registered as (
  insert into catalog.cache_incarnation (incarnation) values ($1)
  on conflict (only_row) do update set incarnation = excluded.incarnation, registered_at = excluded.registered_at
  where cache_incarnation.incarnation <> excluded.incarnation
  returning incarnation
), replayed as (
  update catalog.outbox o set applied_at = null, applied_to = null, dispatched_at = null, dispatches = 0
  from registered r
  where o.applied_to <> r.incarnation
    and o.applied_at > clock_timestamp() - make_interval(secs => $2::float8 / 1000)
  returning 1
)
select count(*) as replayed from replayed
