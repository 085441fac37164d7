-- $1 in ms, how long ago a worker of the registered incarnation must have been seen; $2 incarnations that may be replaced at once
-- Answer: may, whether none was seen since then, or none is registered, or it is one of these
select not exists (
  select from catalog.cache_incarnation
  where seen_at >= clock_timestamp() - make_interval(secs => $1::float8 / 1000) and incarnation <> all ($2)
) as may
