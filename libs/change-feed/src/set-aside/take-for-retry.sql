-- The keys that were tried longest ago, to be tried again. Several workers take different ones.
-- $1 in ms, how long ago the last attempt must be; $2 how many at most
update catalog.set_aside_keys set tried_at = clock_timestamp()
where cache_key = any (array(
  select cache_key from catalog.set_aside_keys
  where tried_at < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
  order by tried_at
  limit $2
  for update skip locked
))
returning cache_key as "cacheKey", version, changes
