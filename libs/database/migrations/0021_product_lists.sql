-- Lists of products: an index for each order and each filter, and how many products have a brand, category and status.

-- A page walks one of these in its order. The included columns let a narrow range be sorted by the usual order, or a brand
-- or category by another one, without a look at the table.
create index products_by_creation on catalog.products (status, created_at, id);
create index products_by_price on catalog.products (status, price_minor, id) include (created_at);
create index products_by_weight on catalog.products (status, weight_grams, id) include (created_at);
create index products_by_update on catalog.products (status, updated_at, id) include (created_at);
create index products_by_name on catalog.products (status, (catalog.fold(name) collate "C"), id);
create index products_by_category on catalog.products (category, status, created_at, id)
  include (brand, price_minor, weight_grams, updated_at);
create index products_by_brand on catalog.products (brand, status, created_at, id)
  include (category, price_minor, weight_grams, updated_at);

-- Changes of the numbers of products. The sum is the number of products of a brand, category and state. In other rows the
-- brand, the category or both are null: the sum over all of them, so that no facet adds up thousands of rows. Rows are only
-- added, so that writers of products of one brand do not wait for each other. The worker joins rows of the same kind.
create table catalog.product_counts (
  brand text,
  category text,
  status text not null,
  products bigint not null
);
grant select on catalog.product_counts to catalog_read;
create index product_counts_by_brand on catalog.product_counts (brand, category);
create index product_counts_by_category on catalog.product_counts (category, brand);

-- The functions run with the rights of their owner: nobody else may write the numbers.
create function catalog.count_inserted_products() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into catalog.product_counts (brand, category, status, products)
  select i.brand, i.category, i.status, count(*) from inserted i group by i.status, cube (i.brand, i.category);
  return null;
end
$$;
create trigger count_inserted after insert on catalog.products
  referencing new table as inserted for each statement execute function catalog.count_inserted_products();

create function catalog.count_changed_product() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into catalog.product_counts (brand, category, status, products)
  select c.brand, c.category, c.status, sum(c.products)
  from (values (old.brand, old.category, old.status, -1), (new.brand, new.category, new.status, 1))
    as c (brand, category, status, products)
  group by c.status, cube (c.brand, c.category) having sum(c.products) <> 0;
  return null;
end
$$;
create trigger count_updated after update of brand, category, status on catalog.products
  for each row when ((old.brand, old.category, old.status) is distinct from (new.brand, new.category, new.status))
  execute function catalog.count_changed_product();

create function catalog.count_deleted_products() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into catalog.product_counts (brand, category, status, products)
  select d.brand, d.category, d.status, -count(*) from deleted d group by d.status, cube (d.brand, d.category);
  return null;
end
$$;
create trigger count_deleted after delete on catalog.products
  referencing old table as deleted for each statement execute function catalog.count_deleted_products();

create function catalog.count_no_products() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.require_read_committed(tg_table_name);
  delete from catalog.product_counts;
  return null;
end
$$;
create trigger count_truncated before truncate on catalog.products
  for each statement execute function catalog.count_no_products();
-- Else a role could attach one to a temporary table of its own, and run it with the rights of the owner.
revoke execute on function catalog.count_inserted_products, catalog.count_changed_product,
  catalog.count_deleted_products, catalog.count_no_products from public;

-- Joins rows of one brand, category and state, of at most at_most rows that lie side by side. So a call takes no longer after a mass
-- change. Each second call begins at a random page and not at the first one, where more rows may lie that nothing can be joined with.
-- Rows that other transactions add meanwhile stay for the next call. Answers how many rows fewer there are.
create function catalog.join_product_counts(at_most integer) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  fewer bigint;
  pages bigint := pg_relation_size('catalog.product_counts') / current_setting('block_size')::integer;
  -- A page holds about 100 rows.
  first_page bigint := case when pages <= at_most / 200 or random() < 0.5 then 0 else floor(random() * pages) end;
begin
  if not pg_try_advisory_xact_lock(7236005) then
    return 0;
  end if;
  with gone as (
    delete from catalog.product_counts where ctid = any (array(
      select c.ctid
      from (
        select r.ctid, r.products, count(*) over (partition by r.brand, r.category, r.status) as rows
        from (
          select ctid, brand, category, status, products from catalog.product_counts
          where ctid >= ('(' || first_page || ',0)')::tid limit at_most
        ) as r
      ) as c
      where c.rows > 1 or c.products = 0))
    returning brand, category, status, products
  ), joined as (
    insert into catalog.product_counts (brand, category, status, products)
    select g.brand, g.category, g.status, sum(g.products) from gone g
    group by g.brand, g.category, g.status having sum(g.products) <> 0
    returning 1
  )
  select (select count(*) from gone) - (select count(*) from joined) into fewer;
  return fewer;
end
$$;
revoke execute on function catalog.join_product_counts from public;
grant execute on function catalog.join_product_counts to invalidation_worker;
