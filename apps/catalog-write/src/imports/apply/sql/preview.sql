-- Answers how many products an import would create and update. Writes and locks nothing.
select
  count(*) filter (where p.id is null) as created,
  count(*) filter (where p.id is not null and
    (p.name, p.description, p.brand, p.category, p.gtin, p.weight_grams, p.length_mm, p.width_mm, p.height_mm,
     p.price_minor, p.currency, p.status, p.attributes)
    is distinct from
    (r.name, r.description, r.brand, r.category, r.gtin, r.weight_grams, r.length_mm, r.width_mm, r.height_mm,
     r.price_minor, r.currency, r.status, r.attributes)) as updated,
  count(*) as staged
from pg_temp.import_rows r left join catalog.products p on p.sku = r.sku
