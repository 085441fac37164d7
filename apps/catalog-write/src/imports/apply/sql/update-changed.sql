-- Updates the products that differ from the file. Answers how many rows were updated, and their lowest version.
with changed as (
  update catalog.products p
  set name = r.name, description = r.description, brand = r.brand, category = r.category, gtin = r.gtin,
    weight_grams = r.weight_grams, length_mm = r.length_mm, width_mm = r.width_mm, height_mm = r.height_mm,
    price_minor = r.price_minor, currency = r.currency, status = r.status, attributes = r.attributes
  from pg_temp.import_rows r
  where p.sku = r.sku
    and (p.name, p.description, p.brand, p.category, p.gtin, p.weight_grams, p.length_mm, p.width_mm, p.height_mm,
         p.price_minor, p.currency, p.status, p.attributes)
      is distinct from
      (r.name, r.description, r.brand, r.category, r.gtin, r.weight_grams, r.length_mm, r.width_mm, r.height_mm,
       r.price_minor, r.currency, r.status, r.attributes)
  returning p.version
)
select count(*) as rows, min(version) as "lowestVersion" from changed
