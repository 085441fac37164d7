-- The triggers of 0006, 0007, 0012 and 0013, for both sources of the change feed. Each asks for the source once: a source that
-- changed between two questions could leave out a change.

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
revoke execute on function catalog.emit_change, catalog.record_change from public;

-- As in 0006.
create or replace function catalog.track_inserts() returns trigger
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

create or replace function catalog.track_delete() returns trigger
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

create or replace function catalog.track_truncate() returns trigger
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

-- Makes the function that records the updates of an entity, or replaces it. It does not call record_change, because a call takes
-- as long as drawing the version.
create procedure catalog.make_track_update(entity text)
language plpgsql as $$
begin
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
end
$$;

do $$
declare
  entity text;
begin
  for entity in
    select substring(p.proname from '^track_update_of_(.*)$') from pg_catalog.pg_proc p
    where p.pronamespace = 'catalog'::regnamespace and p.proname like 'track\_update\_of\_%'
  loop
    call catalog.make_track_update(entity);
  end loop;
end
$$;

create or replace procedure catalog.track_changes(tracked regclass, entity text)
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
  call catalog.make_track_update(entity);
  execute format('create trigger track_update before update on %s for each row execute function catalog.%I()',
    tracked, 'track_update_of_' || entity);
  execute format('create trigger track_delete before delete on %s for each row
    execute function catalog.track_delete(%L)', tracked, entity);
  execute format('create trigger track_truncate before truncate on %s for each statement
    execute function catalog.track_truncate(%L)', tracked, entity);
end
$$;

-- As in 0007.
create or replace function catalog.products_skus_inserted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if catalog.change_source() = 'slot' then
    perform catalog.emit_change('sku', i.sku, 9007199254740991) from inserted i;
  else
    insert into catalog.outbox (entity, key, version)
    select 'sku', i.sku, 9007199254740991 from inserted i;
  end if;
  return null;
end
$$;

create or replace function catalog.products_sku_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.record_change('sku', old.sku, 9007199254740991);
  if tg_op = 'UPDATE' then
    perform catalog.record_change('sku', new.sku, 9007199254740991);
  end if;
  return null;
end
$$;

create or replace function catalog.products_skus_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.require_read_committed(tg_table_name);
  perform catalog.record_change('sku', p.sku, 9007199254740991) from only catalog.products p;
  return null;
end
$$;

-- As in 0012.
create or replace function catalog.orders_sales_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op <> 'INSERT' and old.status = 'completed' then
    perform catalog.record_change(
      'sales_month', to_char(old.completed_at at time zone 'UTC', 'YYYY-MM'), 9007199254740991);
  end if;
  if tg_op <> 'DELETE' and new.status = 'completed' then
    perform catalog.record_change(
      'sales_month', to_char(new.completed_at at time zone 'UTC', 'YYYY-MM'), 9007199254740991);
  end if;
  return null;
end
$$;

create or replace function catalog.orders_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.require_read_committed(tg_table_name);
  perform catalog.record_change('sales_month', months.key, 9007199254740991)
  from (
    select distinct to_char(o.completed_at at time zone 'UTC', 'YYYY-MM') as key
    from only catalog.orders o where o.status = 'completed'
  ) months;
  return null;
end
$$;

-- As in 0013.
create or replace function catalog.user_profile_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.record_change(
    'user_profile', case tg_op when 'INSERT' then new.id else old.id end::text, 9007199254740991);
  return null;
end
$$;

create or replace function catalog.user_profiles_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.require_read_committed(tg_table_name);
  perform catalog.record_change('user_profile', u.id::text, 9007199254740991) from only catalog.console_users u;
  return null;
end
$$;
