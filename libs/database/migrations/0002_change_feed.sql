-- The change feed: versions, tombstones, the outbox, the doorbell, and the triggers that fill them.
--
-- Who changes a row does not matter: the API, an import, or a person in psql. Not covered, since triggers
-- do not fire: session_replication_role = replica, disabled triggers, logical apply.

-- Ends at 2^53 - 1, so that a version is exact in JSON, JavaScript and Lua. CACHE 1: a session that keeps
-- numbers for later would give an older version to a newer change. Owned by no column: TRUNCATE … RESTART
-- IDENTITY must not restart it.
create sequence catalog.versions as bigint maxvalue 9007199254740991 cache 1;

-- What a delete leaves behind, so that absence has a version too.
create table catalog.tombstones (
  entity text not null,
  key text not null,
  version bigint not null,
  deleted_at timestamptz not null default clock_timestamp(),
  primary key (entity, key)
);

-- True for the first outbox row of a transaction, or of what a rollback to a savepoint left of it: one ring
-- wakes the relay for all. The setting is local to the transaction, and undone with the savepoint.
create function catalog.is_first_change_of_transaction() returns boolean
language sql volatile
begin atomic
  select case current_setting('catalog.doorbell', true)
    when 'pulled' then false
    else set_config('catalog.doorbell', 'pulled', true) = 'pulled'
  end;
end;

-- Whoever may write tracked tables may write the outbox too. What the feed cannot carry must not get in: one such row would
-- keep all others from being claimed. Domains, since a check constraint is read and planned anew by each statement that
-- inserts, which here is one a row, and takes longer than the insert itself.
create domain catalog.change_entity as text constraint outbox_entity_length check (length(value) between 1 and 63);
create domain catalog.change_key as text constraint outbox_key_length check (length(value) between 1 and 512);
create domain catalog.change_version as bigint constraint outbox_version_range
  check (value between 0 and 9007199254740991);

-- Changes not yet applied to the cache, and those applied within the replay window.
-- seq is unique by identity; there is no index over all rows, since every lookup is among the unapplied
-- and each further index would slow down every write of every tracked table. The fill factor leaves room on
-- the page for the two updates that a row goes through.
create table catalog.outbox (
  seq bigint generated always as identity (cache 1),
  entity catalog.change_entity not null,
  key catalog.change_key not null,
  -- The version written; 2^53 - 1 where versions give no order (see products_sku_changed).
  version catalog.change_version not null,
  rings boolean not null default catalog.is_first_change_of_transaction(),
  changed_at timestamptz not null default clock_timestamp(),
  dispatched_at timestamptz,
  dispatches integer not null default 0,
  applied_at timestamptz,
  -- The incarnation of the stores that it was applied to.
  applied_to text
) with (
  fillfactor = 60,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_vacuum_cost_delay = 0
);
create index outbox_unapplied on catalog.outbox (seq) where applied_at is null;

-- The incarnation that changes count as applied to. A worker that is still connected to a Redis of a former
-- life cannot acknowledge anything, since its incarnation is not the one registered here.
create table catalog.cache_incarnation (
  only_row boolean primary key default true check (only_row),
  incarnation text not null,
  registered_at timestamptz not null default clock_timestamp()
);

-- The doorbell carries no data: it says "look in the outbox". NOTIFY takes a lock that serialises commits, so
-- it rings only while the relay sleeps: awake, the relay holds this advisory lock exclusively. It falls
-- silent before a full notification queue could fail somebody's commit. Deferred, so that the question
-- is asked at commit, not when a long transaction began to write.
create function catalog.ring_doorbell() returns trigger
language plpgsql as $$
begin
  if pg_try_advisory_xact_lock_shared(7236001) and pg_notification_queue_usage() < 0.5 then
    perform pg_notify('catalog_outbox', '');
  end if;
  return null;
end
$$;
create constraint trigger doorbell
  after insert on catalog.outbox
  deferrable initially deferred
  for each row when (new.rings)
  execute function catalog.ring_doorbell();

-- Trigger functions of every tracked table. It has the columns id, version and updated_at; the first trigger
-- argument names the entity. They run with the rights of whoever writes the row: all names are qualified.

-- BEFORE UPDATE, FOR EACH ROW: the row is locked when this runs, so that versions of a key grow in the order of its commits.
-- Never before the statement began, whatever the clock does meanwhile: track_updates tells the changed rows by that.
create function catalog.track_update() returns trigger
language plpgsql as $$
begin
  if new.id is distinct from old.id then
    raise exception '% % cannot change its id', tg_argv[0], old.id using errcode = 'restrict_violation';
  end if;
  new.version := nextval('catalog.versions');
  new.updated_at := greatest(clock_timestamp(), statement_timestamp());
  return new;
end
$$;

-- AFTER UPDATE, FOR EACH STATEMENT, with the rows as `after`; those that stayed as they were kept their time.
-- By the statement: the outbox rows of a long one are not there, uncommitted, in the way of every claim, while it works.
-- Without the rows as they were before: a join is planned once a session, for the few rows of its first statement, and
-- takes hours when a million follow.
create function catalog.track_updates() returns trigger
language plpgsql as $$
begin
  insert into catalog.outbox (entity, key, version)
  select tg_argv[0], a.id::text, a.version from after a where a.updated_at >= statement_timestamp();
  return null;
end
$$;

-- BEFORE INSERT, FOR EACH ROW
create function catalog.draw_version() returns trigger
language plpgsql as $$
begin
  new.version := nextval('catalog.versions');
  new.updated_at := clock_timestamp();
  return new;
end
$$;

-- AFTER INSERT, FOR EACH STATEMENT, with the new rows as `inserted`: the version was drawn before the unique index made this
-- insert wait for a delete of the same id, which may have drawn a later one meanwhile. Rare, and the caller can retry:
-- refuse. Under REPEATABLE READ the tombstone of such a delete is invisible to us; inserting one ourselves makes Postgres
-- look and refuse.
create function catalog.track_inserts() returns trigger
language plpgsql as $$
declare
  deleted_key text;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    insert into catalog.tombstones (entity, key, version)
    select tg_argv[0], i.id::text, 0 from inserted i
    on conflict (entity, key) do nothing;
  end if;
  with revived as (
    delete from catalog.tombstones t using inserted i
    where t.entity = tg_argv[0] and t.key = i.id::text
    returning t.key, t.version > i.version as deleted_later
  )
  select r.key into deleted_key from revived r where r.deleted_later limit 1;
  if deleted_key is not null then
    raise exception '% % was deleted while it was being inserted', tg_argv[0], deleted_key
      using errcode = 'serialization_failure';
  end if;
  insert into catalog.outbox (entity, key, version)
  select tg_argv[0], i.id::text, i.version from inserted i;
  return null;
end
$$;

-- BEFORE DELETE, FOR EACH ROW: again under the lock of the row.
create function catalog.track_delete() returns trigger
language plpgsql as $$
declare
  drawn_version constant bigint := nextval('catalog.versions');
begin
  insert into catalog.tombstones (entity, key, version) values (tg_argv[0], old.id::text, drawn_version)
  on conflict (entity, key) do update set version = excluded.version, deleted_at = excluded.deleted_at;
  insert into catalog.outbox (entity, key, version) values (tg_argv[0], old.id::text, drawn_version);
  return old;
end
$$;

-- BEFORE TRUNCATE, FOR EACH STATEMENT: the rows can still be read, and nobody else can write them.
create function catalog.track_truncate() returns trigger
language plpgsql as $$
begin
  execute format(
    'with deleted as (
       insert into catalog.tombstones (entity, key, version)
       select %L, id::text, nextval(''catalog.versions'') from only %I.%I
       on conflict (entity, key) do update set version = excluded.version, deleted_at = excluded.deleted_at
       returning entity, key, version
     )
     insert into catalog.outbox (entity, key, version) select entity, key, version from deleted',
    tg_argv[0], tg_table_schema, tg_table_name);
  return null;
end
$$;

-- Makes every change of a table reach the cache. Call it once, in the migration that creates the table:
--   call catalog.track_changes('catalog.settings', 'settings');
create procedure catalog.track_changes(tracked regclass, entity text)
language plpgsql as $$
begin
  execute format('create trigger draw_version before insert on %s for each row
    execute function catalog.draw_version()', tracked);
  execute format('create trigger track_inserts after insert on %s
    referencing new table as inserted for each statement
    execute function catalog.track_inserts(%L)', tracked, entity);
  -- A row that stays as it was is no change: no version, no invalidation.
  execute format('create trigger track_update before update on %s for each row
    when (old.* is distinct from new.*) execute function catalog.track_update(%L)', tracked, entity);
  execute format('create trigger track_updates after update on %s
    referencing new table as after for each statement
    execute function catalog.track_updates(%L)', tracked, entity);
  execute format('create trigger track_delete before delete on %s for each row
    execute function catalog.track_delete(%L)', tracked, entity);
  execute format('create trigger track_truncate before truncate on %s for each statement
    execute function catalog.track_truncate(%L)', tracked, entity);
end
$$;

grant usage on sequence catalog.versions to catalog_write;
grant select on sequence catalog.versions to catalog_read, catalog_write;
-- Writers reach the outbox and the tombstones through their triggers only in what they do; a row forged there
-- costs an invalidation too many, nothing else.
grant insert on catalog.outbox to catalog_write;
grant select, insert, update, delete on catalog.tombstones to catalog_write;
grant select on catalog.tombstones to catalog_read, invalidation_worker;
grant select, update, delete on catalog.outbox to invalidation_worker;
grant select, insert, update on catalog.cache_incarnation to invalidation_worker;
