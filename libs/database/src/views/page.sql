-- $1 last id of the previous page or null, $2 how many. Answers the archived view counts of existing products, by id.
select v.product_id as id, v.views
from catalog.product_views v
join catalog.products p on p.id = v.product_id
where $1::uuid is null or v.product_id > $1
order by v.product_id
limit $2
