-- $1 SKUs. Answers sku, id for each that a product has.
select p.sku, p.id from catalog.products p where p.sku = any($1::text[])
