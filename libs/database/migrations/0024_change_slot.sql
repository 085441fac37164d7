-- The second source of the change feed: a logical replication slot, the change slot. The triggers then write no outbox row and ring
-- no doorbell. They put each change into the write-ahead log as a message, and the worker lands the messages in the outbox after the
-- commit. libs/change-feed/src/change-slot reads the slot.

-- A message that a service could forge might name a key that no worker may apply. Only a superuser can revoke this right; for
-- another owner these lines are a warning.
do $$
declare
  function_of_postgres regprocedure;
begin
  for function_of_postgres in
    select p.oid from pg_catalog.pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace and p.proname = 'pg_logical_emit_message'
  loop
    execute format('grant execute on function %s to %I', function_of_postgres, current_user);
    execute format('revoke execute on function %s from public', function_of_postgres);
  end loop;
exception when insufficient_privilege then
  raise warning 'every role of this database may write messages into the change slot: only a superuser can revoke that';
end
$$;

-- pgoutput asks for a publication. This one has no tables: the slot carries messages only.
create publication catalog_changes;

create table catalog.change_slot (
  only_row boolean primary key default true check (only_row),
  -- The source that operators want. A worker switches to it.
  wanted text not null default 'outbox' constraint change_slot_wanted_known check (wanted in ('outbox', 'slot')),
  -- Whether the slot may hold changes that are not in the outbox yet.
  in_use boolean not null default false,
  -- Every change that was committed before this position of the write-ahead log is in the outbox. Null after the slot was lost,
  -- until the cache is purged.
  landed pg_lsn,
  -- When that position was written, by the clock of Postgres.
  landed_at timestamptz,
  -- The transactions that ran when the triggers had left the slot for the outbox. They may still write to the slot.
  left_running text[]
);
insert into catalog.change_slot default values;
grant select, update on catalog.change_slot to invalidation_worker;

-- Lets the triggers write to another source.
create function catalog.write_changes_to(source text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  -- The lock keeps two workers from replacing the function at once.
  perform from catalog.change_slot for update;
  if source = 'slot' and not exists (select from catalog.change_slot where in_use and landed is not null) then
    raise exception 'no worker reads the change slot yet'
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'Do not call this function. Set wanted in catalog.change_slot, and a worker does the rest.';
  end if;
  if source not in ('outbox', 'slot') then
    raise exception 'the source of changes must be outbox or slot, not %', source using errcode = 'invalid_parameter_value';
  end if;
  execute format('create or replace function catalog.change_source() returns text language sql stable return %L', source);
  update catalog.change_slot set left_running = null;
end
$$;

-- Writes a milestone into the slot. Every transaction that was committed before it comes before it in the slot. It flushes the
-- write-ahead log, because the slot shows only what is on the disk.
-- Answers its position, in bytes. Its content is the time, in seconds since 1970.
create function catalog.write_milestone() returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select (
    pg_logical_emit_message(false, 'catalog milestone', extract(epoch from clock_timestamp())::text, true) - '0/0'::pg_lsn
  )::bigint;
end;
revoke execute on function catalog.write_changes_to, catalog.write_milestone from public;
grant execute on function catalog.change_source, catalog.write_changes_to, catalog.write_milestone to invalidation_worker;

-- The transaction that made the change, if another one wrote the row: the worker, which landed it from the slot.
alter table catalog.outbox add column made_by xid8;
-- Lands nothing from the slot of another server.
grant select on catalog.database_incarnation to invalidation_worker;

-- Writes changes of the slot into the outbox, and notes how far they reach. The worker may not insert there in any other way, and
-- not while the slot is not in use: one row with a key that nobody can apply would hold up the watermark.
-- In the order of the changes: entities, keys, versions, the last 32 bits of the numbers of their transactions, when they were
-- committed, in ms since 1970; then the position that is reached, in bytes, or null; when it was written, in seconds since 1970;
-- the incarnation of Postgres; whether the caller dispatches the changes at once.
-- Answers whether it took the changes: not when Postgres is in another incarnation by now, since they are those of another server.
-- And of each change what the outbox says.
create function catalog.land_changes(
  entities text[], keys text[], versions bigint[], transactions bigint[], committed_ms float8[],
  reached_bytes numeric, reached_s float8, of_incarnation uuid, dispatched boolean
) returns table (
  accepted boolean, seq bigint, transaction bigint, entity text, key text, version bigint, dispatches integer
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
  -- The number of a transaction is not above that of this one, which is later.
  with current as materialized (
    select pg_current_xact_id()::text::bigint as id
    where exists (select from catalog.database_incarnation i where i.incarnation = of_incarnation)
      and exists (select from catalog.change_slot s where s.in_use)
  ), moved as (
    update catalog.change_slot s
    set landed = greatest(s.landed, '0/0'::pg_lsn + reached_bytes), landed_at = to_timestamp(reached_s)
    where reached_bytes is not null and s.landed is not null and exists (select from current)
  ), landed as (
    insert into catalog.outbox as o
      (entity, key, version, changed_at, committed_at, made_by, rang, dispatched_at, dispatches)
    select
      c.entity, c.key, c.version, to_timestamp(c.at_ms / 1000), to_timestamp(c.at_ms / 1000),
      (t.made_by - case when t.made_by > current.id then 4294967296 else 0 end)::text::xid8,
      false,
      case when dispatched then clock_timestamp() end,
      case when dispatched then 1 else 0 end
    from unnest(entities, keys, versions, transactions, committed_ms) as c (entity, key, version, xid, at_ms)
    cross join current
    cross join lateral (select (current.id >> 32 << 32) + c.xid as made_by) as t
    returning o.seq, o.transaction_id::text::bigint as transaction, o.entity::text, o.key::text, o.version, o.dispatches
  )
  select exists (select from current), l.seq, l.transaction, l.entity, l.key, l.version, l.dispatches
  from (values (0)) as always
  left join landed l on true;
end
$$;
revoke execute on function catalog.land_changes from public;
grant execute on function catalog.land_changes to invalidation_worker;
