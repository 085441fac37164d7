-- The triggers that record every change of a tracked table, no matter who makes it: the API, an import, a person in psql.
-- Triggers do not fire, and changes are lost, under session_replication_role = replica, with disabled triggers, and for
-- logical apply.
--
-- A tracked table has the columns id, version and updated_at.
--
-- The functions that write the outbox, tombstones or history run with the rights of their owner, so that no service can
-- insert there by itself. Only the owner may attach them to a table: catalog_write has temporary tables, and a trigger on one
-- of those could forge a change.

-- Which source of the change feed the triggers write to: 'outbox', or 'slot' (0024). Each trigger asks once: a source that changed
-- between two questions could leave out a change. The planner puts the answer into the plans of the trigger functions, and
-- write_changes_to replaces this function, which makes Postgres plan them anew. So the question costs nothing, but a statement that
-- runs may go on with the former answer.
create function catalog.change_source() returns text language sql stable return 'outbox';

-- Puts a change into the slot: its version, entity and key, with a blank between. In PL/pgSQL an assignment costs less than PERFORM.
create function catalog.emit_change(entity text, key text, version bigint) returns pg_lsn
language sql volatile
return pg_logical_emit_message(true, 'catalog', version::text || ' ' || entity || ' ' || key);

-- Records one change.
create function catalog.record_change(entity text, key text, version bigint) returns void
language plpgsql volatile as $$
begin
  if catalog.change_source() = 'slot' then
    perform catalog.emit_change(entity, key, version);
  else
    insert into catalog.outbox (entity, key, version) values (entity, key, version);
  end if;
end
$$;
revoke execute on function catalog.change_source, catalog.emit_change, catalog.record_change from public;

-- BEFORE INSERT, FOR EACH ROW. The transaction takes its number before it draws a version. GET /v1/changes relies on that: a
-- transaction with a later number than another draws only versions beyond those that were committed before that number was
-- taken. An update or a delete has locked its row before its trigger runs, so it has a number.
create function catalog.draw_version() returns trigger
language plpgsql as $$
begin
  perform pg_current_xact_id();
  new.version := nextval('catalog.versions');
  new.updated_at := clock_timestamp();
  return new;
end
$$;

-- AFTER INSERT, FOR EACH STATEMENT, with the new rows as `inserted`.
-- The race: draw_version runs before the unique index makes this insert wait for a delete of the same id. That delete may
-- draw a later version meanwhile. It is rare and the caller can retry, so refuse the insert.
-- Under REPEATABLE READ the tombstone of such a delete is invisible here. Inserting one makes Postgres find it and refuse.
create function catalog.track_inserts() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
  if catalog.change_source() = 'slot' then
    perform catalog.emit_change(tg_argv[0], i.id::text, i.version) from inserted i;
  else
    insert into catalog.outbox (entity, key, version)
    select tg_argv[0], i.id::text, i.version from inserted i;
  end if;
  return null;
end
$$;
revoke execute on function catalog.track_inserts() from public;

-- BEFORE UPDATE OF id, FOR EACH ROW: Postgres calls this only for statements that name the column.
create function catalog.refuse_new_id() returns trigger
language plpgsql as $$
begin
  raise exception '% % cannot change its id', tg_argv[0], old.id using errcode = 'restrict_violation';
end
$$;

-- BEFORE DELETE, FOR EACH ROW: the row is locked, as in track_update.
create function catalog.track_delete() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  drawn_version constant bigint := nextval('catalog.versions');
begin
  insert into catalog.tombstones (entity, key, version) values (tg_argv[0], old.id::text, drawn_version)
  on conflict (entity, key) do update set version = excluded.version, deleted_at = excluded.deleted_at;
  perform catalog.record_change(tg_argv[0], old.id::text, drawn_version);
  return old;
end
$$;
revoke execute on function catalog.track_delete() from public;

-- TRUNCATE removes all rows, also those that a transaction with an older snapshot cannot see. Its triggers would not see
-- them either, and would lose their deletion. Every trigger BEFORE TRUNCATE calls this first.
create function catalog.require_read_committed(truncated name) returns void
language plpgsql as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'TRUNCATE of catalog.% needs READ COMMITTED, this transaction is %',
        truncated, upper(current_setting('transaction_isolation'))
      using errcode = 'invalid_transaction_state',
        hint = 'Begin with "begin isolation level read committed", or use DELETE.';
  end if;
end
$$;

-- BEFORE TRUNCATE, FOR EACH STATEMENT: the rows are still readable, and nobody else can write them.
create function catalog.track_truncate() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.require_read_committed(tg_table_name);
  execute format(
    'with deleted as (
       insert into catalog.tombstones (entity, key, version)
       select %L, id::text, nextval(''catalog.versions'') from only %I.%I
       on conflict (entity, key) do update set version = excluded.version, deleted_at = excluded.deleted_at
       returning entity, key, version
     ) ',
    tg_argv[0], tg_table_schema, tg_table_name)
    || case catalog.change_source()
      when 'slot' then 'select catalog.emit_change(entity, key, version) from deleted'
      else 'insert into catalog.outbox (entity, key, version) select entity, key, version from deleted'
    end;
  return null;
end
$$;
revoke execute on function catalog.track_truncate() from public;

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
  execute format('create trigger refuse_new_id before update of id on %s for each row
    when (old.id is distinct from new.id) execute function catalog.refuse_new_id(%L)', tracked, entity);
  -- Updates have a function per entity: reading the entity from the trigger's arguments takes as long as drawing the
  -- version. The trigger is by row: one by statement has to be given all rows once more, which takes longer.
  -- Its function does not call record_change, because a call takes as long as drawing the version. Two tables may have one entity.
  execute format(
    'create or replace function catalog.%I() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as %L',
    'track_update_of_' || entity,
    format($body$
declare
  written_at pg_lsn;
begin
  -- An unchanged row draws no version and invalidates nothing. Bytes compare faster than the operators of the
  -- columns. It is not a WHEN condition, because every statement prepares that anew.
  if old operator(pg_catalog.*=) new then
    return new;
  end if;
  -- The row is locked here, so the versions of a key grow in the order of its commits.
  new.version := nextval('catalog.versions');
  new.updated_at := clock_timestamp();
  if catalog.change_source() = 'slot' then
    written_at := catalog.emit_change(%1$L, new.id::text, new.version);
  else
    insert into catalog.outbox (entity, key, version) values (%1$L, new.id::text, new.version);
  end if;
  return new;
end
$body$, entity));
  execute format('revoke execute on function catalog.%I() from public', 'track_update_of_' || entity);
  execute format('create trigger track_update before update on %s for each row execute function catalog.%I()',
    tracked, 'track_update_of_' || entity);
  execute format('create trigger track_delete before delete on %s for each row
    execute function catalog.track_delete(%L)', tracked, entity);
  execute format('create trigger track_truncate before truncate on %s for each statement
    execute function catalog.track_truncate(%L)', tracked, entity);
end
$$;
