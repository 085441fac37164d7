-- Versions, and the tombstones that give absence a version too.

-- The sequence ends at 2^53 - 1, so that a version is exact in JSON, JavaScript and Lua. CACHE 1: a session that cached
-- numbers would give an older version to a newer change. No column owns it: TRUNCATE … RESTART IDENTITY must not
-- restart it.
create sequence catalog.versions as bigint maxvalue 9007199254740991 cache 1;
grant usage on sequence catalog.versions to catalog_write;
grant select on sequence catalog.versions to catalog_read, catalog_write;

-- A delete leaves a tombstone. A new row with the same key removes it.
create table catalog.tombstones (
  entity text not null,
  key text not null,
  version catalog.exact_count not null,
  deleted_at timestamptz not null default clock_timestamp(),
  primary key (entity, key)
);
-- Only trigger functions and retention write here, as their owner.
grant select on catalog.tombstones to catalog_read, catalog_write, invalidation_worker;

-- The highest version of the tombstones that retention has deleted. A key without row and tombstone is absent at this
-- version, so that its version never goes back.
create table catalog.purged_tombstones (
  entity text primary key,
  version catalog.exact_count not null
);
grant select on catalog.purged_tombstones to catalog_read, invalidation_worker;
