-- $1 … $14: the writable fields of a product in the order of the columns below. Answers the product.
insert into catalog.products as p (
  sku, name, description, brand, category, gtin, weight_grams, length_mm, width_mm, height_mm,
  price_minor, currency, status, attributes
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
returning
  p.id, p.sku, p.name, p.description, p.brand, p.category, p.gtin, p.weight_grams as "weightGrams",
  p.length_mm as "lengthMm", p.width_mm as "widthMm", p.height_mm as "heightMm", p.price_minor as "priceMinor",
  p.currency, p.status, p.attributes, p.version, p.created_at as "createdAt", p.updated_at as "updatedAt"
