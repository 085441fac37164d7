-- $1 SKU. Answers its product; no row if there is none.
select
  p.id, p.sku, p.name, p.description, p.brand, p.category, p.gtin, p.weight_grams as "weightGrams",
  p.length_mm as "lengthMm", p.width_mm as "widthMm", p.height_mm as "heightMm", p.price_minor as "priceMinor",
  p.currency, p.status, p.attributes, p.version, p.created_at as "createdAt", p.updated_at as "updatedAt"
from catalog.products p
where p.sku = $1
