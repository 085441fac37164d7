-- $1 in ms, how long ago a worker of the registered incarnation must have been seen
-- Answer: deserted, whether none was seen since then
select exists (
  select from catalog.cache_incarnation
  where seen_at < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
) as deserted
