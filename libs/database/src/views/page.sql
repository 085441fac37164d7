-- $1 the last id of the page before, or null  $2 how many. Answer: archived counts by id
select product_id as id, views from catalog.product_views
where $1::uuid is null or product_id > $1
order by product_id
limit $2
