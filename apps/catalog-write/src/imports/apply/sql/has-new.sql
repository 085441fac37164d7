-- Whether some SKU of the import has no product yet.
select exists (
  select from pg_temp.import_rows r
  where not exists (select from catalog.products p where p.sku = r.sku)
) as "hasNew"
