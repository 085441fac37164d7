-- Fencing tokens of work that a lock in Redis guards: the highest token seen, by the name of the lock. The transaction of
-- the work writes its token here first. Postgres refuses it if a later holder of the lock has been here.
create table catalog.fences (
  name text primary key,
  fence bigint not null
);
grant select, insert, update on catalog.fences to catalog_write;
