-- The keys that were tried longest ago, to be tried again. Several workers take different ones.
-- $1 in ms, how long ago the last attempt must be, unless the shard of the key was away and is back; $2 how many at most;
-- $3 slots of shards that are there
update catalog.set_aside_keys set tried_at = clock_timestamp()
where cache_key = any (array(
  select cache_key from catalog.set_aside_keys
  where (slot is null and tried_at < clock_timestamp() - make_interval(secs => $1::float8 / 1000)) or slot = any ($3::smallint[])
  order by tried_at
  limit $2
  for update skip locked
))
returning cache_key as "cacheKey", version, changes, slot is not null as "wasAway"
