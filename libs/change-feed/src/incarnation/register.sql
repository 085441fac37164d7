-- Registers an incarnation of the cache: from now on, changes are acknowledged for it only. Waits for acknowledgements in progress.
-- A worker with an old map of slots must not take the place of one with a newer map, because readers with the old map would trust
-- its heartbeats. If a cluster was set up anew, its maps are older, and may take the place of one without workers.
-- $1 the incarnation, $2 those of its shards, $3 the age of its map, $4 in ms, how long ago a worker of the registered incarnation
-- must have been seen
-- Answer: registered, whether the incarnation is the registered one now
-- If another worker is just registering the same one, this waits and then updates the row too. It could not see otherwise what
-- that worker has written.
with written as (
  insert into catalog.cache_incarnation as present (incarnation, incarnations, map_age) values ($1, $2, $3)
  on conflict (only_row) do update set
    incarnation = excluded.incarnation,
    incarnations = excluded.incarnations,
    map_age = excluded.map_age,
    seen_at = excluded.seen_at
  where (present.incarnation = excluded.incarnation and present.incarnations = excluded.incarnations)
    or present.map_age <= excluded.map_age
    or present.seen_at < clock_timestamp() - make_interval(secs => $4::float8 / 1000)
  returning 1
)
select exists (select from written) or exists (select from catalog.cache_incarnation where incarnation = $1) as registered
