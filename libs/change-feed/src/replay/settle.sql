-- Notes that shards have taken all changes, so that readers may trust them again.
-- The race: a change is acknowledged for a former incarnation after the pass has looked for such changes. There is none: the
-- registration waited for acknowledgements in progress, and each later one names an incarnation that is registered. But if another
-- incarnation was registered during the pass, changes may have been acknowledged for that one. So the registration has to be the
-- one from before the pass.
-- $1 the incarnation of the cache, $2 since when it was registered, $3 the phases of the shards, $4 whether no change is left to
-- replay for any shard
update catalog.cache_incarnation
set
  settled = array(select unnest(settled) union select unnest($3::text[])),
  is_replaying = is_replaying and not (
    $4 and cardinality(array(select unnest(settled) union select unnest($3::text[]))) = cardinality(incarnations)
  )
where incarnation = $1 and registered_at = $2::timestamptz
