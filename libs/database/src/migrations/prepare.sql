-- The schema and the table of what was applied to it. No inputs, no answer; does nothing where both are there.
create schema if not exists catalog;
create table if not exists catalog.migrations (
  id integer primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default pg_catalog.clock_timestamp()
);
