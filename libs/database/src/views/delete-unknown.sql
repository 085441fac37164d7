-- $1 how many. Compares the next counts, by id, with the products and deletes those of no product. After the last one it
-- begins again.
with page as (
  select v.product_id from catalog.product_views v
  where v.product_id > (select checked_to from catalog.view_progress)
  order by v.product_id
  limit $1
), deleted as (
  delete from catalog.product_views v using page
  where v.product_id = page.product_id
    and not exists (select from catalog.products p where p.id = v.product_id)
)
update catalog.view_progress set checked_to = coalesce(
  (select product_id from page order by product_id offset $1::int - 1 limit 1),
  '00000000-0000-0000-0000-000000000000')
