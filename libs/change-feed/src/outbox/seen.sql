-- Notes that a worker of this incarnation is there, if it is the registered one and that was not noted lately.
-- $1 the incarnation, $2 what is lately, in ms
update catalog.cache_incarnation set seen_at = clock_timestamp()
where incarnation = $1 and seen_at < clock_timestamp() - make_interval(secs => $2::float8 / 1000)
