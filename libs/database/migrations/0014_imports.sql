-- One row per import: its progress while it runs, then its result. The transaction that applies the records writes the
-- result.
create table catalog.imports (
  id catalog.resource_id primary key,
  subject text not null,
  mode text not null constraint imports_mode_known check (mode in ('reject-all', 'skip-failed')),
  on_existing text not null default 'update'
    constraint imports_on_existing_known check (on_existing in ('update', 'skip', 'fail')),
  on_missing text not null default 'create'
    constraint imports_on_missing_known check (on_missing in ('create', 'skip', 'fail')),
  dry_run boolean not null,
  state text not null default 'running'
    constraint imports_state_known check (state in ('running', 'succeeded', 'rejected', 'failed')),
  received catalog.exact_count not null default 0,
  created catalog.exact_count not null default 0,
  updated catalog.exact_count not null default 0,
  unchanged catalog.exact_count not null default 0,
  skipped catalog.exact_count not null default 0,
  failed catalog.exact_count not null default 0,
  -- The first errors; the writer limits their number.
  errors jsonb not null default '[]' constraint imports_errors_numbers check (catalog.has_json_numbers(errors)),
  -- The transaction that changed products; null if none did.
  transaction_id xid8,
  -- The process that runs the import renews it.
  heartbeat_at catalog.moment not null default clock_timestamp(),
  created_at catalog.moment not null default clock_timestamp(),
  finished_at catalog.moment
);
create index imports_running on catalog.imports (heartbeat_at) where state = 'running';
-- For retention.
create index imports_by_age on catalog.imports (created_at);
grant select, insert, update, delete on catalog.imports to catalog_write;

-- Waits until no other import creates products. The lock ends with the transaction.
create function catalog.lock_creating_imports() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select pg_advisory_xact_lock(7236002);
end;
revoke execute on function catalog.lock_creating_imports from public;
grant execute on function catalog.lock_creating_imports to catalog_write;
