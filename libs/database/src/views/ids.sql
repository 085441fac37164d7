-- $1 the last id of the page before, or null  $2 how many. Answer: ids with an archived count, products or not
select v.product_id as id
from catalog.product_views v
where $1::uuid is null or v.product_id > $1
order by v.product_id
limit $2
