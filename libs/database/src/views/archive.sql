-- $1 product ids, $2 their view counts. Archives the counts of existing products and deletes those of others. A count never
-- goes back. Answers the ids of existing products.
with counted as (
  select id, views, exists (select from catalog.products p where p.id = c.id) as is_product
  from unnest($1::uuid[], $2::bigint[]) as c (id, views)
), deleted as (
  delete from catalog.product_views v using counted where v.product_id = counted.id and not is_product
)
insert into catalog.product_views as archived (product_id, views)
select id, views from counted where is_product order by id
on conflict (product_id) do update set views = greatest(archived.views, excluded.views)
returning product_id as id
