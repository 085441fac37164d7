-- Copies view counts; a count never goes back. $1 product ids  $2 their counts. Answer: the ids that are products
insert into catalog.product_views as archived (product_id, views)
select counted.id, counted.views
from unnest($1::uuid[], $2::bigint[]) as counted (id, views)
join catalog.products using (id)
order by counted.id
on conflict (product_id) do update set views = greatest(archived.views, excluded.views)
returning product_id as id
