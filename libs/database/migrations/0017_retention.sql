-- Refuses an age that would delete what is still needed, whoever asks: a mistake, or a worker that was taken over.
create function catalog.require_age(kind text, age interval, minimum interval) returns void
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if age is null or age < minimum then
    raise exception '% must be kept for % at least, not for %', kind, minimum, coalesce(age::text, 'null')
      using errcode = 'invalid_parameter_value';
  end if;
end
$$;
revoke execute on function catalog.require_age from public;

-- Deletes rows that are older than the given ages, the oldest first, at most at_most of each kind. Answers how many. It runs
-- with the rights of its owner: the worker that calls it may not read or delete these rows otherwise.
-- A tombstone stays for a day at least: if it left too early, an older version could come back. An Idempotency-Key stays for a
-- day at least: if it left too early, a repeated request would place an order twice.
create function catalog.delete_expired(
  tombstone_age interval, idempotency_age interval, import_age interval, action_age interval, at_most integer,
  out tombstones bigint, out idempotency_keys bigint, out imports bigint, out actions bigint
)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  t constant timestamptz := pg_catalog.clock_timestamp();
begin
  perform catalog.require_age('tombstones', tombstone_age, interval '1 day');
  perform catalog.require_age('idempotency keys', idempotency_age, interval '1 day');
  perform catalog.require_age('imports', import_age, interval '1 day');
  perform catalog.require_age('console actions', action_age, interval '1 day');
  with gone as (
    delete from catalog.tombstones where ctid = any (array(
      select b.ctid from catalog.tombstones b
      where b.deleted_at < t - tombstone_age limit at_most))
    returning entity, version
  ), noted as (
    insert into catalog.purged_tombstones (entity, version)
    select g.entity, max(g.version) from gone g group by g.entity
    on conflict (entity) do update set version = greatest(purged_tombstones.version, excluded.version)
  )
  select count(*) into tombstones from gone;
  delete from catalog.idempotency_keys where ctid = any (array(
    select k.ctid from catalog.idempotency_keys k where k.created_at < t - idempotency_age limit at_most));
  get diagnostics idempotency_keys = row_count;
  delete from catalog.imports where ctid = any (array(
    select i.ctid from catalog.imports i
    where i.created_at < t - import_age and i.state <> 'running' limit at_most));
  get diagnostics imports = row_count;
  delete from catalog.console_actions where ctid = any (array(
    select a.ctid from catalog.console_actions a where a.acted_at < t - action_age limit at_most));
  get diagnostics actions = row_count;
end
$$;
revoke execute on function catalog.delete_expired from public;
grant execute on function catalog.delete_expired to invalidation_worker;

-- Adds the partition of one day to the history of products, and moves the rows of that day into it. It is made apart and
-- attached: "partition of" would lock the whole history, and every write of a product waits for that.
create procedure catalog.add_history_partition(day date)
language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  name constant text := 'product_history_' || to_char(day, 'YYYYMMDD');
begin
  -- Rows that arrived after the move would make the attachment fail.
  lock table catalog.product_history_default in access exclusive mode;
  execute format('create table catalog.%I (like catalog.product_history including defaults)', name);
  execute format(
    'with moved as (
       delete from catalog.product_history_default where changed_at >= $1 and changed_at < $2 returning *
     ) insert into catalog.%I select * from moved', name)
  using day::timestamptz, (day + 1)::timestamptz;
  execute format('alter table catalog.product_history attach partition catalog.%I for values from (%L) to (%L)',
    name, day::timestamptz, (day + 1)::timestamptz);
end
$$;
revoke execute on procedure catalog.add_history_partition from public;

-- Makes the missing partitions of today and of the coming days, and that of the oldest past day with rows in the default
-- partition. A day with rows there gets its partition only once it is past: today's writers must not wait for the move.
-- Answers how many it made: call it again while that is not 0. Fails when it gets no lock. At most one session works.
-- It runs with the rights of its owner, like the following function.
create function catalog.make_history_partitions(days_ahead integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '100ms' as $$
declare
  today constant date := clock_timestamp()::date;
  day date;
  made integer := 0;
begin
  if not pg_try_advisory_xact_lock(7236004) then
    return 0;
  end if;
  for day in
    select d.day::date from generate_series(today, today + least(days_ahead, 366), interval '1 day') as d (day)
    where to_regclass('catalog.product_history_' || to_char(d.day, 'YYYYMMDD')) is null
      and not exists (
        select from catalog.product_history_default h where h.changed_at >= d.day and h.changed_at < d.day + interval '1 day')
    union all
    (select h.changed_at::date from catalog.product_history_default h where h.changed_at < today
     order by h.changed_at limit 1)
  loop
    call catalog.add_history_partition(day);
    made := made + 1;
  end loop;
  return made;
end
$$;
revoke execute on function catalog.make_history_partitions from public;
grant execute on function catalog.make_history_partitions to invalidation_worker;

-- Drops the partition of the oldest day whose rows are all older than that age. Answers how many it dropped,
-- or fails when it gets no lock. It waits only briefly, because every write of a product waits behind it. Postgres cannot
-- detach concurrently from a table with a default partition.
create function catalog.drop_expired_history(history_age interval) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '100ms' as $$
declare
  before constant timestamptz := clock_timestamp() - history_age;
  name text;
  last_version bigint;
begin
  perform catalog.require_age('history', history_age, interval '1 day');
  if not pg_try_advisory_xact_lock(7236004) then
    return 0;
  end if;
  select c.relname into name
  from pg_inherits i
  join pg_class c on c.oid = i.inhrelid and c.relname ~ '^product_history_[0-9]{8}$'
  where i.inhparent = 'catalog.product_history'::regclass and to_date(right(c.relname, 8), 'YYYYMMDD') + 1 <= before
  order by c.relname limit 1;
  if name is null then
    return 0;
  end if;
  execute format('select max(version) from catalog.%I', name) into last_version;
  execute format('drop table catalog.%I', name);
  -- No worker may have made marks for long. GET /v1/changes must not take these changes for kept.
  delete from catalog.change_marks m where m.version < last_version;
  if not exists (select from catalog.change_marks) then
    insert into catalog.change_marks (version, changed_at, transaction_id)
    values (last_version, to_date(right(name, 8), 'YYYYMMDD')::timestamptz, pg_current_xact_id());
  end if;
  return 1;
end
$$;
revoke execute on function catalog.drop_expired_history from public;
grant execute on function catalog.drop_expired_history to invalidation_worker;

-- As many days as the worker makes.
select catalog.make_history_partitions(30);
