-- $1 last id of the previous page or null, $2 how many. Answers the ids with an archived view count, also of deleted
-- products.
select v.product_id as id
from catalog.product_views v
where $1::uuid is null or v.product_id > $1
order by v.product_id
limit $2
