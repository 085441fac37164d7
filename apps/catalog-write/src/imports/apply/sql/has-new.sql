-- Answers whether the import has a SKU without a product.
select exists (
  select from pg_temp.import_rows r
  where not exists (select from catalog.products p where p.sku = r.sku)
) as "hasNew"
