-- $1 SKUs. Answers sku and id of each product that has one of them.
select p.sku, p.id from catalog.products p where p.sku = any($1::text[])
