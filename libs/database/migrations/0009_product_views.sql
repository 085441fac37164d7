-- How often each product was read: a copy of the counters in Redis. What Redis loses starts again from this copy.
-- No foreign key: Postgres refuses TRUNCATE of a table that another one references.
create table catalog.product_views (
  product_id uuid primary key,
  views catalog.exact_count not null
);
grant select, insert, update, delete on catalog.product_views to invalidation_worker;
