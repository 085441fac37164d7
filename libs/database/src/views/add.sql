-- $1 id of the batch, $2 product ids, $3 their views. Adds the views to the totals of existing products, up to the greatest
-- exact number, and notes the batch.
with noted as (
  update catalog.view_progress set last_batch = $1
)
insert into catalog.product_views as total (product_id, views)
select id, views from unnest($2::uuid[], $3::bigint[]) as counted (id, views)
where exists (select from catalog.products p where p.id = counted.id)
order by id
on conflict (product_id) do update set views = least(total.views + excluded.views, 9007199254740991)
