-- Finds the oldest and the newest change that is committed and not applied.
-- $1 the incarnation that the calling process writes to, $2 the horizon of an earlier look, or null, $3 how many keys of an entity
-- are set aside one by one; with more, the whole entity is
-- Answer: oldest and newest, as transaction numbers, both null when nothing waits; registered, whether $1 is the incarnation that
-- changes are acknowledged for; settled, the phases of shards that may get heartbeats; databaseIncarnation, lastVersion, lastSkipped
-- (the end of the newest gap, or 0) and walPosition, by which the worker knows that Postgres went back; setAside, the Redis keys and
-- entities whose changes count as applied although they are not; slotsAway, the slots of such keys whose shard was away; slot, null
-- unless the change slot is in use: landed, the position up to which it has landed, or null, and milestone, the position of the
-- milestone that this look has written; horizon, where the next look and claim begin, null when there is no epoch
-- Fails on a standby.
with unapplied as (
  select searched.is_late, first.id as oldest, first.seq as oldest_seq, last.id as newest
  from catalog.outbox_ranges($2::text::catalog.outbox_horizon) as searched
  cross join lateral (
    select o.transaction_id as id, o.seq from catalog.outbox o
    where o.applied_at is null
      and (o.transaction_id, o.seq) > (searched.above, searched.above_seq) and o.transaction_id < searched.below
    order by o.transaction_id, o.seq
    limit 1
  ) as first
  cross join lateral (
    select o.transaction_id as id from catalog.outbox o
    where o.applied_at is null
      and (o.transaction_id, o.seq) > (searched.above, searched.above_seq) and o.transaction_id < searched.below
    order by o.transaction_id desc, o.seq desc
    limit 1
  ) as last
), next as (
  select oldest as id, oldest_seq as seq from unapplied where not is_late
  union all
  select pg_snapshot_xmax(pg_current_snapshot()), 0
  order by id
  limit 1
), set_aside as (
  select entity, count(*) > $3 as is_whole, array_agg(cache_key order by cache_key) as keys
  from catalog.set_aside_keys
  where slot is null
  group by entity
), late as (
  select open.id, 0 as seq
  from pg_snapshot_xip(pg_current_snapshot()) as open (id), next
  where open.id < next.id
  union all
  select oldest, oldest_seq from unapplied where is_late
)
select
  (select min(oldest) from unapplied)::text::bigint as oldest,
  (select max(newest) from unapplied)::text::bigint as newest,
  exists (select from catalog.cache_incarnation where incarnation = $1) as registered,
  array(select unnest(settled) from catalog.cache_incarnation) as settled,
  (select incarnation::text from catalog.confirm_primary()) as "databaseIncarnation",
  (select last_value from catalog.versions) as "lastVersion",
  (select coalesce(max(next_version), 0) from catalog.version_gaps) as "lastSkipped",
  -- The position that is on the disk. A crash may lose WAL beyond it, and then Postgres has not gone back.
  (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint as "walPosition",
  json_build_object(
    'keys', (select coalesce(json_agg(key), '[]') from set_aside, unnest(keys) as key where not is_whole),
    'entities', (select coalesce(json_agg(entity), '[]') from set_aside where is_whole)
  ) as "setAside",
  array(select distinct slot from catalog.set_aside_keys where slot is not null) as "slotsAway",
  (
    select json_build_object('landed', (landed - '0/0'::pg_lsn)::bigint, 'milestone', catalog.write_milestone())
    from catalog.change_slot where in_use
  ) as slot,
  (
    select row(
      e.epoch, next.id, next.seq, array(select id from late order by id), array(select seq from late order by id)
    )::catalog.outbox_horizon::text
    from catalog.outbox_epoch e, next
  ) as horizon
