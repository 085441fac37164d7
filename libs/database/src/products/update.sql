-- $1 id, $2 patch as a JSON object of columns, $3 expected version or null for any. Answers the updated product; no row if
-- it is missing or has another version.
-- A column that the patch does not name stays. Attributes merge key by key; null removes a key. It is one statement: under
-- READ COMMITTED it waits for a concurrent change, then compares the version and merges with the row of that change.
update catalog.products p set (
  sku, name, description, brand, category, gtin, weight_grams, length_mm, width_mm, height_mm,
  price_minor, currency, status, attributes
) = (
  select
    patched.sku, patched.name, patched.description, patched.brand, patched.category, patched.gtin,
    patched.weight_grams, patched.length_mm, patched.width_mm, patched.height_mm,
    patched.price_minor, patched.currency, patched.status,
    jsonb_strip_nulls(p.attributes || coalesce($2::jsonb -> 'attributes', '{}'))
  from jsonb_populate_record(p, $2::jsonb - 'attributes') patched
)
where p.id = $1 and ($3::bigint is null or p.version = $3)
returning
  p.id, p.sku, p.name, p.description, p.brand, p.category, p.gtin, p.weight_grams as "weightGrams",
  p.length_mm as "lengthMm", p.width_mm as "widthMm", p.height_mm as "heightMm", p.price_minor as "priceMinor",
  p.currency, p.status, p.attributes, p.version, p.created_at as "createdAt", p.updated_at as "updatedAt"
