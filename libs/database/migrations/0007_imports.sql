-- One row per import: its progress while it runs, its result afterwards. The result is written in the transaction
-- that applies the records.
create table catalog.imports (
  id uuid primary key,
  subject text not null,
  mode text not null constraint imports_mode_known check (mode in ('reject-all', 'skip-failed')),
  dry_run boolean not null,
  state text not null default 'running'
    constraint imports_state_known check (state in ('running', 'succeeded', 'rejected', 'failed')),
  received bigint not null default 0,
  created bigint not null default 0,
  updated bigint not null default 0,
  unchanged bigint not null default 0,
  failed bigint not null default 0,
  -- The first errors, bounded by whoever writes them.
  errors jsonb not null default '[]',
  -- The last sign of life of the process that runs it.
  heartbeat_at timestamptz not null default clock_timestamp(),
  -- For whoever clears away old imports, too.
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz
);
create index imports_running on catalog.imports (heartbeat_at) where state = 'running';
create index imports_by_age on catalog.imports (created_at);

grant select, insert, update, delete on catalog.imports to catalog_write;
