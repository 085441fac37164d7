-- Sets keys aside that Redis refuses, or whose shard is away, and counts their changes as applied. Does nothing when another
-- cache is registered by now: one without any of the shards that the caller knows.
-- A key is set aside only with a change of it that waits in the outbox: anybody who may write the queue can make up a job, and
-- a key that is set aside is read from Postgres.
-- $1 the incarnation; of each key $2 its Redis key, $3 its entity, $4 its key, $5 the reason; of the changes $6 their seqs,
-- ascending, $7 their transactions, each once; in the order of the seqs $8 entities, $9 keys, $10 versions; of each key $11 its
-- slot if its shard is away, or null; $12 the incarnations of the shards, $13 those of the shards of the lists, as in
-- acknowledge.sql
-- Answer: accepted, whether the cache is the registered one
-- They are replayed to a new incarnation: no incarnation has the name in applied_to.
with registered as materialized (
  select from catalog.cache_incarnation
  where (incarnation = $1 or incarnations && $12::text[]) and incarnations @> $13::text[]
  for share
), accounted as (
  update catalog.outbox
  set applied_at = clock_timestamp(), applied_to = 'set aside'
  where transaction_id = any ($7::text[]::xid8[]) and seq = any ($6::bigint[]) and applied_at is null
    and entity = ($8::text[])[width_bucket(seq, $6::bigint[])]
    and key = ($9::text[])[width_bucket(seq, $6::bigint[])]
    and version = ($10::bigint[])[width_bucket(seq, $6::bigint[])]
    and exists (select from registered)
  returning entity, key, version
), refused as (
  insert into catalog.set_aside_keys (cache_key, entity, version, reason, slot)
  select cache_key, entity, max(version), reason, slot
  from unnest($2::text[], $3::text[], $4::text[], $5::text[], $11::smallint[]) as refused (cache_key, entity, key, reason, slot)
  join accounted using (entity, key)
  group by cache_key, entity, reason, slot
  -- All callers lock rows in the same order, so that two of them cannot deadlock.
  order by cache_key
  on conflict (cache_key) do update set
    version = greatest(set_aside_keys.version, excluded.version),
    reason = excluded.reason,
    -- Readers have to know a key that was refused, also while its shard is away.
    slot = case when set_aside_keys.slot is not null then excluded.slot end,
    changes = set_aside_keys.changes + 1
)
select exists (select from registered) as accepted
