-- How often each product was read. catalog-read counts in batches in the state Redis; the worker adds them here.
-- No foreign key: Postgres refuses TRUNCATE of a table that another one references.
create table catalog.product_views (
  product_id uuid primary key,
  views catalog.exact_count not null
);
create index product_views_most_viewed on catalog.product_views (views desc, product_id);
grant select, insert, update, delete on catalog.product_views to invalidation_worker;
grant select on catalog.product_views to catalog_read;

-- How far the workers are. The worker that locks this row is the only one that changes the view counts.
create table catalog.view_progress (
  only_row boolean primary key default true check (only_row),
  -- The batch that was added last. If a worker dies before it deletes the batch from Redis, the next one recognises it.
  last_batch uuid,
  -- Counts up to this id were compared with the products, to delete those of deleted products.
  checked_to uuid not null default '00000000-0000-0000-0000-000000000000'
);
insert into catalog.view_progress default values;
grant select, update on catalog.view_progress to invalidation_worker;
