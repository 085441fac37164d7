-- Inputs: $1 ids.
delete from catalog.copied_products where product_id = any ($1::uuid[])
