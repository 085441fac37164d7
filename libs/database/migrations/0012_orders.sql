-- Orders with their items, and the sales of each month.
create table catalog.orders (
  id catalog.resource_id primary key default uuidv7(),
  customer_id text not null constraint orders_customer_id_length check (length(customer_id) between 1 and 100),
  status text not null default 'placed'
    constraint orders_status_known check (status in ('placed', 'completed', 'cancelled')),
  currency text not null constraint orders_currency_known check (catalog.is_currency(currency)),
  -- The sum of its items, which never change.
  total_minor bigint not null constraint orders_total_minor_range check (total_minor between 0 and 9007199254740991),
  -- The subject of the caller's token.
  placed_by text not null,
  created_at catalog.moment not null default clock_timestamp(),
  completed_at catalog.moment,
  cancelled_at catalog.moment,
  constraint orders_times_match_status check (
    (completed_at is not null) = (status = 'completed') and (cancelled_at is not null) = (status = 'cancelled'))
);
-- Ids grow with time: every page reads one of the first two, or the primary key, backwards.
create index orders_by_customer on catalog.orders (customer_id, id);
create index orders_by_status on catalog.orders (status, id);
create index orders_by_completion on catalog.orders (completed_at) include (currency, total_minor)
  where status = 'completed';
-- An order changes only its status, and nobody deletes it.
grant select, insert on catalog.orders to orders;
grant update (status, completed_at, cancelled_at) on catalog.orders to orders;
-- The worker refreshes the months that are in use.
grant select (status, completed_at, currency, total_minor) on catalog.orders to invalidation_worker;

create table catalog.order_items (
  order_id uuid not null references catalog.orders on delete cascade,
  -- The place in the request.
  line integer not null constraint order_items_line_range check (line between 1 and 100),
  -- The product at the moment of the order. No foreign key, because it may be deleted later.
  product_id catalog.resource_id not null,
  product_version catalog.exact_count not null,
  sku text collate "C" not null,
  name text not null,
  price_minor catalog.exact_count not null,
  weight_grams integer constraint order_items_weight_grams_range check (weight_grams >= 0),
  quantity integer not null constraint order_items_quantity_range check (quantity >= 1),
  -- A hundred lines together weigh at most 2^53 - 1 grams, which a number holds exactly.
  constraint order_items_line_weight_range check (weight_grams::bigint * quantity <= 90071992547409),
  primary key (order_id, line)
);
grant select, insert on catalog.order_items to orders;

-- Invalidates the months in which the order was or is completed. Sums have no version, so the invalidation is unconditional.
create function catalog.orders_sales_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op <> 'INSERT' and old.status = 'completed' then
    perform catalog.record_change(
      'sales_month', to_char(old.completed_at at time zone 'UTC', 'YYYY-MM'), 9007199254740991);
  end if;
  if tg_op <> 'DELETE' and new.status = 'completed' then
    perform catalog.record_change(
      'sales_month', to_char(new.completed_at at time zone 'UTC', 'YYYY-MM'), 9007199254740991);
  end if;
  return null;
end
$$;
revoke execute on function catalog.orders_sales_changed() from public;
create trigger sales_changed after insert or delete on catalog.orders
  for each row execute function catalog.orders_sales_changed();
create trigger sales_updated after update on catalog.orders
  for each row when (old.* is distinct from new.* and (old.status = 'completed' or new.status = 'completed'))
  execute function catalog.orders_sales_changed();

create function catalog.orders_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.require_read_committed(tg_table_name);
  perform catalog.record_change('sales_month', months.key, 9007199254740991)
  from (
    select distinct to_char(o.completed_at at time zone 'UTC', 'YYYY-MM') as key
    from only catalog.orders o where o.status = 'completed'
  ) months;
  return null;
end
$$;
revoke execute on function catalog.orders_truncated() from public;
create trigger sales_truncated before truncate on catalog.orders
  for each statement execute function catalog.orders_truncated();
