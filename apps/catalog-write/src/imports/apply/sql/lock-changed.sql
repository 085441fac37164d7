-- Locks the rows that differ from the file, in the order of their SKUs, so that imports of the same SKUs wait for each
-- other instead of deadlocking. Does not touch the other rows. Answers how many rows are locked.
select count(*) as locked
from (
  select p.id
  from catalog.products p join pg_temp.import_rows r on r.sku = p.sku
  where
    (p.name, p.description, p.brand, p.category, p.gtin, p.weight_grams, p.length_mm, p.width_mm, p.height_mm,
     p.price_minor, p.currency, p.status, p.attributes)
    is distinct from
    (r.name, r.description, r.brand, r.category, r.gtin, r.weight_grams, r.length_mm, r.width_mm, r.height_mm,
     r.price_minor, r.currency, r.status, r.attributes)
  order by p.sku
  for no key update of p
) as changed
