-- $1 in ms, for how long no worker of the registered incarnation may have been seen
-- Answer: deserted, whether none was seen for longer
select exists (
  select from catalog.cache_incarnation
  where seen_at < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
) as deserted
