-- $1: the id of a product. Answers its columns under the names of the API.
select id, sku, name, description, brand, category, gtin, weight_grams as "weightGrams", length_mm as "lengthMm",
  width_mm as "widthMm", height_mm as "heightMm", price_minor as "priceMinor", currency, status, attributes, version,
  created_at as "createdAt", updated_at as "updatedAt"
from catalog.products
where id = $1
