-- The copy that orders keeps of the products: what it needs to place an order while the catalog is away. It follows
-- GET /v1/changes of catalog-read, like a service that has a database of its own.
create table catalog.copied_products (
  product_id catalog.resource_id primary key,
  sku text collate "C" not null,
  name text not null,
  price_minor catalog.exact_count not null,
  currency text not null,
  weight_grams integer,
  status text not null,
  version catalog.exact_count not null,
  -- The reading of all products that last saw it.
  round integer not null
);
-- Not unique: between two changes, two products of the copy may have one SKU.
create index copied_products_by_sku on catalog.copied_products (sku, version);
grant select, insert, update, delete on catalog.copied_products to orders;

create table catalog.copy_position (
  only_row boolean primary key default true check (only_row),
  -- Behind the changes that are in the copy; null before the first reading of all products.
  cursor text,
  -- Counts the readings of all products. Such a reading follows when the cursor is gone.
  round integer not null default 0,
  -- The last reading that has ended. From the first one on, a product that is not in the copy does not exist.
  finished_round integer not null default 0,
  -- When the copy was last known to have all changes.
  current_at timestamptz,
  -- The process that writes the copy, until it has been silent for so long that another one may take its place.
  follower uuid,
  follower_until timestamptz not null default '-infinity'
);
insert into catalog.copy_position default values;
grant select, update on catalog.copy_position to orders;
