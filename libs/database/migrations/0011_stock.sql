-- Stock on hand, apart from products: a sale does not change a product's details and must not invalidate them. It belongs to the
-- product, whatever SKU that bears. No foreign key: deleting a catalog page does not remove the pieces from the shelf.
create table catalog.stock (
  product_id catalog.resource_id primary key,
  on_hand integer not null default 0 constraint stock_never_negative check (on_hand >= 0),
  updated_at catalog.moment not null default clock_timestamp()
);
grant select, insert, update on catalog.stock to orders;

-- Why people changed stock. The orders themselves record the pieces that they took.
create table catalog.stock_adjustments (
  id uuid primary key default uuidv7(),
  product_id catalog.resource_id not null,
  -- The SKU in the request.
  sku text collate "C" not null,
  delta integer not null,
  reason text not null,
  adjusted_by text not null,
  adjusted_at catalog.moment not null default clock_timestamp()
);
create index stock_adjustments_by_product on catalog.stock_adjustments (product_id, id);
grant select, insert on catalog.stock_adjustments to orders;
