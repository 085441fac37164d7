-- $1 the id of a product. Answers how often it was read; no row if never.
select v.views from catalog.product_views v where v.product_id = $1
