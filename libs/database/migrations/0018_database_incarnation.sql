-- The incarnation of this database. Another one begins when Postgres has gone back to an earlier state, or may have.

create table catalog.database_incarnation (
  only_row boolean primary key default true check (only_row),
  incarnation uuid not null,
  -- The server, database and timeline that the incarnation belongs to. See catalog.database_facts.
  facts text not null,
  -- Every version of the incarnation is beyond this one.
  after_version bigint not null default 0,
  -- When the server was started that confirmed the incarnation last. See catalog.version_gaps.
  server_started_at timestamptz not null,
  began_at timestamptz not null default clock_timestamp()
);

-- Versions that were skipped when the server was started again: those beyond after_version, up to next_version.
-- A restart may follow a restore from a disk snapshot on the same timeline, which lost commits. Their versions must not
-- repeat. As no version in a gap was ever drawn by this database, one that was applied or cached shows that Postgres went back.
create table catalog.version_gaps (
  next_version bigint primary key,
  after_version bigint not null check (after_version < next_version)
);

-- When the last incarnation began, in milliseconds since 1970; 0 if none did. Rolling back a transaction leaves catalog.versions where
-- it is, so a limit for those who move it must not be rolled back either. Therefore the time is in a sequence, too.
create sequence catalog.last_incarnation_ms as bigint minvalue 0 start 0;

-- System identifier, database and timeline, as 'identifier:oid:timeline'. A failover or a restore to a point in time starts
-- a new timeline. A copy of the database has another oid. The control file shows the old timeline for a while after a
-- promotion, but the name of the WAL file shows the new one at once. Fails on a standby, which writes no WAL.
create function catalog.database_facts() returns text
language sql volatile
begin atomic
  select concat_ws(
    ':',
    (select system_identifier from pg_control_system()),
    (select oid from pg_database where datname = current_database()),
    left(pg_walfile_name(pg_current_wal_lsn()), 8)
  );
end;

-- The version that the clock stands for: 2^20 for each second since 2026, and a part of them for a part of a second; 2^52 from the
-- year 2162 on.
create function catalog.version_of_clock() returns bigint
language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
  select least(extract(epoch from clock_timestamp() - timestamptz '2026-01-01 00:00:00Z') * 1048576, 4503599627370496)::bigint;
end;

-- Moves the sequence far beyond every version that may have been served before Postgres went back, so that no version is
-- used twice. 2^36 is 19 hours of 1,000,000 versions a second, and leaves room for 131,000 incarnations.
-- The caller holds the lock of the row in catalog.database_incarnation.
create function catalog.start_incarnation(seen_version bigint) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  next_version bigint;
  new_incarnation constant uuid := gen_random_uuid();
begin
  select greatest(last_value, seen_version) + 68719476736 into strict next_version from catalog.versions;
  if next_version > 9007199254740991 then
    raise exception 'the versions end at 2^53 - 1, and this incarnation would begin at %', next_version
      using errcode = 'program_limit_exceeded',
        hint = 'Check that no version near 2^53 was written by hand. Otherwise move the catalog to an empty database.';
  end if;
  -- The worker's sessions commit asynchronously. Nobody may rely on an incarnation that a crash can undo.
  perform set_config('synchronous_commit', 'on', true);
  perform setval('catalog.versions', next_version);
  perform setval('catalog.last_incarnation_ms', (extract(epoch from clock_timestamp()) * 1000)::bigint);
  -- Nothing that an earlier incarnation applied or cached counts any more.
  delete from catalog.version_gaps;
  update catalog.database_incarnation
  set incarnation = new_incarnation, facts = catalog.database_facts(), after_version = next_version,
    server_started_at = pg_postmaster_start_time(), began_at = clock_timestamp();
  raise log 'the catalog begins incarnation %: Postgres may have gone back, so the next version is beyond %',
    new_incarnation, next_version;
end
$$;

-- Moves the sequence beyond every version that may have been lost if the server was started from an older copy of its disk.
-- A fixed step would not do: the lost commits may have followed an earlier restart, with the same step from the same
-- version. So the versions follow the clock. That is beyond every version that was drawn until now, unless more than a million
-- were drawn in each second. After a new incarnation the versions are ahead of the clock for 18 hours, as they are after the clock
-- was set back. Then a random step keeps them from repeating, and the worker notices within a second that Postgres went back.
-- The caller holds the lock of the row in catalog.database_incarnation.
create function catalog.note_restart() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  last_drawn bigint;
  next_version bigint;
begin
  select last_value into strict last_drawn from catalog.versions;
  next_version := greatest(last_drawn + 4294967296 + (random() * 4294967296)::bigint, catalog.version_of_clock());
  perform set_config('synchronous_commit', 'on', true);
  if next_version > 9007199254740991 then
    -- Writes are about to fail, but reads go on.
    raise warning 'the versions end at 2^53 - 1, and the last one is %: move the catalog to an empty database', last_drawn;
    update catalog.database_incarnation set server_started_at = pg_postmaster_start_time();
    return;
  end if;
  perform setval('catalog.versions', next_version);
  insert into catalog.version_gaps (next_version, after_version) values (next_version, last_drawn);
  update catalog.database_incarnation set server_started_at = pg_postmaster_start_time();
end
$$;

-- Every session of a service calls this before anything else. It fails on a standby. On a primary it answers the
-- incarnation, and begins another one if the server, the database or the timeline has changed. After a restart it skips
-- versions.
-- began: whether this call began it.
-- It runs with the rights of its owner, since only the owner may move the sequence.
create function catalog.confirm_primary(out incarnation uuid, out facts text, out began boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if pg_is_in_recovery() then
    raise exception 'this server is a standby: it may lag behind the primary'
      using errcode = 'cannot_connect_now', hint = 'Point the service at the primary.';
  end if;
  began := false;
  facts := catalog.database_facts();
  select i.incarnation into incarnation from catalog.database_incarnation i
  where i.facts = confirm_primary.facts and i.server_started_at = pg_postmaster_start_time();
  if found then
    return;
  end if;
  -- No service has used this database yet, so there is nothing to go back from.
  insert into catalog.database_incarnation as i (incarnation, facts, server_started_at)
  values (gen_random_uuid(), confirm_primary.facts, pg_postmaster_start_time()) on conflict do nothing;
  -- Several sessions may arrive at once. The first one gets the lock, and the others find that it has done the work.
  perform from catalog.database_incarnation for update;
  if not exists (select from catalog.database_incarnation i where i.facts = confirm_primary.facts) then
    perform catalog.start_incarnation(0);
    began := true;
  elsif not exists (
    select from catalog.database_incarnation i where i.server_started_at = pg_postmaster_start_time()
  ) then
    perform catalog.note_restart();
  end if;
  select i.incarnation into strict incarnation from catalog.database_incarnation i;
end
$$;

-- The highest version that this database may have drawn before it went back, after up to 16 incarnations. A higher one was
-- written by somebody, and must not choose the next version.
create function catalog.highest_plausible_version() returns bigint
language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
  select 1099511627776 + greatest(last_value, catalog.version_of_clock()) from catalog.versions;
end;

-- The worker calls this when it knows a version that is beyond the sequence, or has seen a later position of the WAL: then
-- Postgres went back on the same timeline, as after a restore from a disk snapshot.
-- seen_incarnation: the one that the caller found. If another caller has begun a new one since, nothing happens.
-- Answers whether a new incarnation began. None begins for a version that this database cannot have drawn, and none within 10 s
-- after the last one. Each incarnation skips up to 2^40 versions, so many of them would use up all versions: a worker that was taken
-- over would need a day. So none begins within an hour after the last one while the versions are 2^46 ahead of the clock. That many
-- are skipped by 64 of these incarnations, or by a thousand of those that follow a restore.
create function catalog.begin_incarnation(seen_version bigint, seen_incarnation uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform from catalog.database_incarnation i where i.incarnation = seen_incarnation for update;
  if not found or seen_version > catalog.highest_plausible_version() then
    return false;
  end if;
  if exists (
    select from catalog.last_incarnation_ms l, catalog.versions v
    where to_timestamp(l.last_value / 1000.0) > clock_timestamp() - case
      when v.last_value > catalog.version_of_clock() + 70368744177664 then interval '1 hour'
      else interval '10 seconds'
    end
  ) then
    return false;
  end if;
  perform catalog.start_incarnation(seen_version);
  return true;
end
$$;

revoke all on function catalog.database_facts(), catalog.version_of_clock(), catalog.start_incarnation(bigint),
  catalog.note_restart(), catalog.highest_plausible_version(), catalog.confirm_primary(),
  catalog.begin_incarnation(bigint, uuid) from public;
grant execute on function catalog.confirm_primary() to catalog_read, catalog_write, invalidation_worker, orders, console;
grant select on sequence catalog.versions to invalidation_worker;
grant select on catalog.version_gaps to invalidation_worker;
grant execute on function catalog.begin_incarnation(bigint, uuid) to invalidation_worker;
