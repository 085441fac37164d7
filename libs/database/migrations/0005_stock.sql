-- Stock on hand, apart from products: selling a piece is no change of the product's details, and must not
-- invalidate them. No foreign key: what lies on the shelf does not vanish when its catalog page does.
create table catalog.stock (
  sku text collate "C" primary key constraint stock_sku_length check (length(sku) between 1 and 64),
  on_hand integer not null default 0 constraint stock_never_negative check (on_hand >= 0),
  updated_at timestamptz not null default clock_timestamp()
);
