-- No inputs, no answer. Creates the schema and its table of applied migrations, unless they exist.
create schema if not exists catalog;
create table if not exists catalog.migrations (
  id integer primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default pg_catalog.clock_timestamp()
);
