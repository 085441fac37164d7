-- Releases keys that Redis has invalidated, unless another change of them was refused meanwhile.
-- The race: a worker invalidates a key on a server that has failed over, while another worker replays what was set aside to the new
-- server. What is set aside after that has not reached the new server. So the incarnation in which the key was invalidated has to
-- be registered. If another one is registered later, the replay after that covers the key. The map of slots of the worker may not
-- be newer than the registered one, as in acknowledge.sql.
-- $1 the Redis keys, $2 how many changes of each were refused before, $3 the incarnations of the shards that have invalidated them;
-- $4 the incarnation of the cache, as the worker knows it, $5 the age of its map of slots
delete from catalog.set_aside_keys s
using unnest($1::text[], $2::bigint[], $3::text[]) as released (cache_key, changes, incarnation), catalog.cache_incarnation registered
where s.cache_key = released.cache_key and s.changes = released.changes
  and registered.incarnations @> array[released.incarnation]
  and (registered.incarnation = $4 or registered.map_age >= $5::bigint)
