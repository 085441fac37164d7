-- Finds the oldest and the newest change that is committed and not applied.
-- $1 the incarnation that the calling process writes to
-- Answer: oldest and newest, as transaction numbers, both null when nothing waits; registered, whether $1 is the incarnation that
-- changes are acknowledged for; databaseIncarnation, lastVersion and walPosition, by which the worker knows that Postgres went
-- back. Fails on a standby.
with unapplied as (
  select first.id as oldest, last.id as newest
  from catalog.ended_transactions() as ended
  cross join lateral (
    select o.transaction_id as id from catalog.outbox o
    where o.applied_at is null and o.transaction_id > ended.above and o.transaction_id < ended.below
    order by o.transaction_id, o.seq
    limit 1
  ) as first
  cross join lateral (
    select o.transaction_id as id from catalog.outbox o
    where o.applied_at is null and o.transaction_id > ended.above and o.transaction_id < ended.below
    order by o.transaction_id desc, o.seq desc
    limit 1
  ) as last
)
select
  (select min(oldest) from unapplied)::text::bigint as oldest,
  (select max(newest) from unapplied)::text::bigint as newest,
  exists (select from catalog.cache_incarnation where incarnation = $1) as registered,
  (select incarnation::text from catalog.confirm_primary()) as "databaseIncarnation",
  (select last_value from catalog.versions) as "lastVersion",
  -- What is on the disk. What is only inserted may be lost in a crash, and then Postgres has not gone back.
  (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint as "walPosition"
