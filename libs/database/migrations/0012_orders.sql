-- Orders with their items, the log of stock, and the role under which the orders service keeps them.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'orders') then
    begin
      create role orders nologin;
    exception when duplicate_object or unique_violation then
      null;
    end;
  end if;
end
$$;
grant usage on schema catalog to orders;

create table catalog.orders (
  id uuid primary key default uuidv7(),
  customer_id text not null constraint orders_customer_id_length check (length(customer_id) between 1 and 100),
  status text not null default 'placed'
    constraint orders_status_known check (status in ('placed', 'completed', 'cancelled')),
  currency text not null constraint orders_currency_format check (currency ~ '^[A-Z]{3}$'),
  -- Of its items, which never change.
  total_minor bigint not null constraint orders_total_minor_range check (total_minor between 0 and 9007199254740991),
  -- The subject of the caller's token.
  placed_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  completed_at timestamptz,
  cancelled_at timestamptz,
  constraint orders_times_match_status check (
    (completed_at is not null) = (status = 'completed') and (cancelled_at is not null) = (status = 'cancelled'))
);
-- Ids grow with time: every page goes backwards through one of these, or through the primary key.
create index orders_by_customer on catalog.orders (customer_id, id);
create index orders_by_status on catalog.orders (status, id);
create index orders_by_completion on catalog.orders (completed_at) include (currency, total_minor)
  where status = 'completed';

create table catalog.order_items (
  order_id uuid not null references catalog.orders on delete cascade,
  -- As in the request, from 1.
  line integer not null,
  -- As the product was at that moment; no foreign key, for it may be deleted.
  product_id uuid not null,
  product_version bigint not null,
  sku text collate "C" not null,
  name text not null,
  price_minor bigint not null constraint order_items_price_minor_range check (price_minor >= 0),
  weight_grams integer,
  quantity integer not null constraint order_items_quantity_range check (quantity >= 1),
  primary key (order_id, line)
);

-- Why stock was changed by hand; what orders took is in the orders.
create table catalog.stock_adjustments (
  id uuid primary key default uuidv7(),
  sku text collate "C" not null,
  delta integer not null,
  reason text not null,
  adjusted_by text not null,
  adjusted_at timestamptz not null default clock_timestamp()
);
create index stock_adjustments_by_sku on catalog.stock_adjustments (sku, id);

-- The months of which a completed order tells something new. Whoever changes it: the service, or a person in psql.
create function catalog.orders_sales_changed() returns trigger
language plpgsql as $$
begin
  if tg_op <> 'INSERT' and old.status = 'completed' then
    insert into catalog.outbox (entity, key, version)
    values ('sales_month', to_char(old.completed_at at time zone 'UTC', 'YYYY-MM'), 9007199254740991);
  end if;
  if tg_op <> 'DELETE' and new.status = 'completed' then
    insert into catalog.outbox (entity, key, version)
    values ('sales_month', to_char(new.completed_at at time zone 'UTC', 'YYYY-MM'), 9007199254740991);
  end if;
  return null;
end
$$;
create trigger sales_changed after insert or delete on catalog.orders
  for each row execute function catalog.orders_sales_changed();
create trigger sales_updated after update on catalog.orders
  for each row when (old.* is distinct from new.* and (old.status = 'completed' or new.status = 'completed'))
  execute function catalog.orders_sales_changed();

create function catalog.orders_truncated() returns trigger
language plpgsql as $$
begin
  insert into catalog.outbox (entity, key, version)
  select distinct 'sales_month', to_char(o.completed_at at time zone 'UTC', 'YYYY-MM'), 9007199254740991
  from only catalog.orders o where o.status = 'completed';
  return null;
end
$$;
create trigger sales_truncated before truncate on catalog.orders
  for each statement execute function catalog.orders_truncated();

-- Idempotency keys of every service in one table: what was asked is part of the key, and the answer says all there is
-- to say of what was made. The default and the column product_id are for processes of the release before, which may
-- still run while this one is deployed.
alter table catalog.idempotency_keys drop constraint idempotency_keys_pkey;
alter table catalog.idempotency_keys add operation text not null default 'create_product';
alter table catalog.idempotency_keys add primary key (operation, subject, key);
alter table catalog.idempotency_keys alter product_id drop not null;

-- An order is changed in its state, and never deleted.
grant select, insert on catalog.orders to orders;
grant update (status, completed_at, cancelled_at) on catalog.orders to orders;
grant select, insert on catalog.order_items, catalog.stock_adjustments to orders;
grant select, insert, update on catalog.stock to orders;
grant select, insert on catalog.idempotency_keys to orders;
-- For the trigger.
grant insert on catalog.outbox to orders;
-- The worker refreshes the months that are in use.
grant select (status, completed_at, currency, total_minor) on catalog.orders to invalidation_worker;
