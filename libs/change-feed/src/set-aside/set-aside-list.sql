-- Sets the generation of a list aside whose shard is away, so that no reader trusts the pages before they have ended.
-- $1 the incarnation of the cache, $2 the Redis key of the generation, $3 the list, $4 its slot, $5 the reason,
-- $6 a version that invalidates anything, $7 the incarnations of the shards
-- Answer: accepted, whether the cache is the registered one, as in set-aside.sql
with registered as materialized (
  select from catalog.cache_incarnation where incarnation = $1 or incarnations && $7::text[] for share
), noted as (
  insert into catalog.set_aside_keys (cache_key, entity, version, reason, slot)
  select $2, $3, $6, $5, $4::smallint from registered
  on conflict (cache_key) do update set reason = excluded.reason, changes = set_aside_keys.changes + 1
)
select exists (select from registered) as accepted
