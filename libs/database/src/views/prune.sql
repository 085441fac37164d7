-- $1 ids. Deletes the archived view counts of those that are no products. Answers their ids.
with no_product as (

  select id from unnest($1::uuid[]) as asked (id)
  where not exists (select from catalog.products p where p.id = asked.id)
), deleted as (
  delete from catalog.product_views v using no_product where v.product_id = no_product.id
)
select id from no_product
