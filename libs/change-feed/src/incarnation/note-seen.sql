-- Notes that a worker of the registered incarnation is running. Writes nothing when that was noted recently.
-- $1 the incarnation of the worker, $2 how many ms count as recently
update catalog.cache_incarnation set seen_at = clock_timestamp()
where incarnation = $1 and seen_at < clock_timestamp() - make_interval(secs => $2::float8 / 1000)
