-- Fencing tokens of work that a lock in Redis guards: the highest that has been seen, by the lock's name. A write of
-- such work takes its token here first, in its own transaction, and is refused if a later holder was faster.
create table catalog.fences (
  name text primary key,
  fence bigint not null
);
grant select, insert, update on catalog.fences to invalidation_worker;

-- How often each product has been read, as the counters in Redis said when they were last copied. It is a copy:
-- what Redis loses begins again from here. No foreign key: a table that is referenced could not be truncated.
create table catalog.product_views (
  product_id uuid primary key,
  views bigint not null check (views >= 0)
);
grant select, insert, update, delete on catalog.product_views to invalidation_worker;
