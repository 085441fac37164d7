-- Notes that changes were replayed to a shard. Notes nothing if the shard, or the map of slots of the worker, must not count, as in
-- acknowledge.sql. The time of the first application stays, so a replay keeps no change longer.
-- $1 the incarnation of the cache, $2 the age of its map, $3 the incarnation of the shard, $4 the places of the rows
with registered as materialized (
  select incarnations || case when incarnation = $1 then array[$1::text] end as incarnations
  from catalog.cache_incarnation
  where incarnation = $1 or map_age >= $2::bigint
  for share
)
update catalog.outbox set applied_to = $3
where ctid = any ($4::tid[]) and (select incarnations from registered) @> array[$3::text]
