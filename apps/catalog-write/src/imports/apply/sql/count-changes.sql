-- Answers for each field how many existing products would get another value. Writes and locks nothing.
select
  count(*) filter (where p.name is distinct from coalesce(r.name, p.name)) as "name",
  count(*) filter (where p.description is distinct from coalesce(r.description, p.description)) as "description",
  count(*) filter (where p.brand is distinct from coalesce(r.brand, p.brand)) as "brand",
  count(*) filter (where p.category is distinct from coalesce(r.category, p.category)) as "category",
  count(*) filter (where p.gtin is distinct from case when r.given & 1 = 0 then p.gtin else r.gtin end) as "gtin",
  count(*) filter (where p.weight_grams is distinct from case when r.given & 2 = 0 then p.weight_grams else r.weight_grams end) as "weightGrams",
  count(*) filter (where p.length_mm is distinct from case when r.given & 4 = 0 then p.length_mm else r.length_mm end) as "lengthMm",
  count(*) filter (where p.width_mm is distinct from case when r.given & 8 = 0 then p.width_mm else r.width_mm end) as "widthMm",
  count(*) filter (where p.height_mm is distinct from case when r.given & 16 = 0 then p.height_mm else r.height_mm end) as "heightMm",
  count(*) filter (where p.price_minor is distinct from coalesce(r.price_minor, p.price_minor)) as "priceMinor",
  count(*) filter (where p.currency is distinct from coalesce(r.currency, p.currency)) as "currency",
  count(*) filter (where p.status is distinct from coalesce(r.status, p.status)) as "status",
  count(*) filter (where p.attributes is distinct from coalesce(r.attributes, p.attributes)) as "attributes"
from pg_temp.import_rows r join catalog.products p on p.sku = r.sku
