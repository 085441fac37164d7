-- Answers the first $1 records that would change a product, by line: its fields as they are and as they would be.
select r.line, r.sku, catalog.product_fields(p) as old, jsonb_build_object(
    'sku', p.sku,
    'name', coalesce(r.name, p.name),
    'description', coalesce(r.description, p.description),
    'brand', coalesce(r.brand, p.brand),
    'category', coalesce(r.category, p.category),
    'gtin', case when r.given & 1 = 0 then p.gtin else r.gtin end,
    'weightGrams', case when r.given & 2 = 0 then p.weight_grams else r.weight_grams end,
    'lengthMm', case when r.given & 4 = 0 then p.length_mm else r.length_mm end,
    'widthMm', case when r.given & 8 = 0 then p.width_mm else r.width_mm end,
    'heightMm', case when r.given & 16 = 0 then p.height_mm else r.height_mm end,
    'priceMinor', coalesce(r.price_minor, p.price_minor),
    'currency', coalesce(r.currency, p.currency),
    'status', coalesce(r.status, p.status),
    'attributes', coalesce(r.attributes, p.attributes)) as new
from pg_temp.import_rows r join catalog.products p on p.sku = r.sku
where
  :changed
order by r.line
limit $1
