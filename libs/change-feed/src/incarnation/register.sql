-- Registers an incarnation of the cache: from now on, changes are acknowledged for its shards only. Waits for acknowledgements in
-- progress.
-- A worker with an old map of slots must not take the place of one with a newer map, because readers with the old map would trust
-- its heartbeats. If a cluster was set up anew, its maps are older, and may take the place of one without workers.
-- A phase that was settled stays so. A shard with a new incarnation is not settled before the replay. Nor is a shard with other
-- slots while there is something to replay. The race: a shard fails over, gives a slot away, and a change of a key in that slot is
-- applied to its former server meanwhile. The shard that has the slot now needs the change. While there is nothing to replay, a
-- shard that wins or loses slots stays settled.
-- $1 the incarnation, $2 those of its shards, $3 the age of its map, $4 in ms, how long ago a worker of the registered incarnation
-- must have been seen, $5 the phases of its shards
-- Answer: registered, whether the incarnation is the registered one now
-- While another worker registers, this statement waits. Its snapshot still shows the row from before, so only `written` knows the
-- answer. For this reason it writes the row again if the other worker has registered the same incarnation.
with written as (
  insert into catalog.cache_incarnation as registered (incarnation, incarnations, map_age) values ($1, $2, $3)
  on conflict (only_row) do update set
    incarnation = excluded.incarnation,
    incarnations = excluded.incarnations,
    map_age = excluded.map_age,
    registered_at = case
      when registered.incarnation = excluded.incarnation and registered.incarnations = excluded.incarnations
        then registered.registered_at
      else excluded.registered_at
    end,
    seen_at = excluded.seen_at,
    settled = array(
      select shard.phase
      from unnest(excluded.incarnations, $5::text[]) as shard (incarnation, phase)
      where shard.phase = any (registered.settled)
        or (
          shard.incarnation = any (registered.incarnations)
          and registered.incarnations <@ excluded.incarnations and not registered.is_replaying
        )
    ),
    is_replaying = registered.is_replaying
      or not (registered.incarnations <@ excluded.incarnations and registered.incarnations @> excluded.incarnations)
  where (registered.incarnation = excluded.incarnation and registered.incarnations = excluded.incarnations)
    or registered.map_age <= excluded.map_age
    or registered.seen_at < clock_timestamp() - make_interval(secs => $4::float8 / 1000)
  returning 1
)
select exists (select from written) as registered
