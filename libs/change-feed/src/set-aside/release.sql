-- Releases keys that Redis has invalidated, unless another change of them was refused meanwhile.
-- $1 the Redis keys, $2 how many changes of each were refused before
delete from catalog.set_aside_keys s
using unnest($1::text[], $2::bigint[]) as released (cache_key, changes)
where s.cache_key = released.cache_key and s.changes = released.changes
