-- Marks changes as applied. A worker that still writes to a former Redis must not make anyone believe that its changes were applied:
-- the incarnation of the shard that took the change has to be registered, and so do those of the shards that ended its lists' pages.
-- The map of slots of the worker may be older than the registered one, because the shard had the key when it took the
-- invalidation. It may not be newer: workers with the registered map would tell readers with that map to trust their copies, and
-- those listen to another shard.
-- An acknowledgement counts only for the key and the version that the row has: anybody who may write the queue can edit a job.
-- $1 their seqs, ascending; in the same order $2 how many ms ago the job was queued, $3 how many ms ago the key was invalidated
-- and announced; $4 the incarnation of the cache, $5 the number of traces wanted, $6 their transactions, each once;
-- in the order of the seqs $7 entities, $8 keys, $9 versions, $10 the places in $11 of the incarnations that they were applied to;
-- $11 incarnations of shards, $12 the age of the map of the worker, $13 incarnations of the shards of the lists
-- Answer: accepted, whether each of $11 and $13 is registered; acknowledged, how many changes; and the columns of a trace, when
-- traces are wanted
-- The share lock makes a registration wait for this statement, and this statement for a registration. Without it, a change could
-- be acknowledged for the former incarnation after the replay has looked for such changes.
-- width_bucket finds a seq in $1 by binary search. A join with the unnested arrays could be planned as a nested loop.
-- The same lookup in an array of texts would walk through the array, so it looks for a hash of fixed length.
with expected as materialized (
  select array_agg(md5(concat_ws(chr(31), version, entity, key))::uuid order by nth) as hashes
  from unnest($7::text[], $8::text[], $9::bigint[]) with ordinality as changes (entity, key, version, nth)
), registered as materialized (
  select incarnations || case when incarnation = $4 then array[$4::text] end as incarnations
  from catalog.cache_incarnation
  where (incarnation = $4 or map_age >= $12::bigint) and incarnations @> $13::text[]
  for share
), applied as (
  update catalog.outbox o
  set
    queued_at = clock_timestamp() - make_interval(secs => ($2::float8[])[width_bucket(o.seq, $1::bigint[])] / 1000),
    applied_at = clock_timestamp() - make_interval(secs => ($3::float8[])[width_bucket(o.seq, $1::bigint[])] / 1000),
    applied_to = ($11::text[])[($10::int[])[width_bucket(o.seq, $1::bigint[])]]
  where o.transaction_id = any ($6::text[]::xid8[])
    and o.seq = any ($1::bigint[]) and o.applied_at is null
    and md5(concat_ws(chr(31), o.version, o.entity, o.key))::uuid
      = (select hashes from expected)[width_bucket(o.seq, $1::bigint[])]
    and (select incarnations from registered) @> array[($11::text[])[($10::int[])[width_bucket(o.seq, $1::bigint[])]]]
  returning
    o.seq, o.entity, o.key, o.version, o.changed_at as "changedAt", o.committed_at as "committedAt",
    o.rung_at as "rungAt", o.dispatched_at as "claimedAt", o.queued_at as "queuedAt", o.applied_at as "appliedAt",
    o.dispatches
)
select
  coalesce((select incarnations @> $11::text[] from registered), false) as accepted,
  (select count(*) from applied)::int as acknowledged,
  traces.*
from (values (0)) as always
left join lateral (select * from applied limit $5) as traces on true
