-- $1 how many. Answers the most viewed active products, the most viewed first.
select v.product_id as id, v.views
from catalog.product_views v
join catalog.products p on p.id = v.product_id
where p.status = 'active'
order by v.views desc, v.product_id
limit $1
