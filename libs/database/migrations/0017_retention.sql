-- Deletes rows that are older than their age, the oldest first, at most at_most of each kind; answers how many. It runs
-- with the rights of its owner: the worker that calls it may not read or delete these rows otherwise.
-- A tombstone stays for a day at least: if it left too early, an older version could come back.
create function catalog.delete_expired(
  history_age interval, tombstone_age interval, idempotency_age interval, import_age interval, at_most integer,
  out history bigint, out tombstones bigint, out idempotency_keys bigint, out imports bigint
)
language plpgsql security definer set search_path = '' as $$
declare
  t constant timestamptz := pg_catalog.clock_timestamp();
begin
  delete from catalog.product_history where ctid = any (array(
    select h.ctid from catalog.product_history h where h.changed_at < t - history_age limit at_most));
  get diagnostics history = row_count;
  with gone as (
    delete from catalog.tombstones where ctid = any (array(
      select b.ctid from catalog.tombstones b
      where b.deleted_at < t - greatest(tombstone_age, interval '1 day') limit at_most))
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
end
$$;
revoke execute on function catalog.delete_expired from public;
grant execute on function catalog.delete_expired to invalidation_worker;
