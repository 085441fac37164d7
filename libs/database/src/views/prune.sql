-- $1 ids. Deletes the archived counts of those that are no products (any more). Answer: their ids
with gone as (
  select id from unnest($1::uuid[]) as asked (id)
  where not exists (select from catalog.products p where p.id = asked.id)
), deleted as (
  delete from catalog.product_views v using gone where v.product_id = gone.id
)
select id from gone
