-- Updates the products that differ from the file; a field that a record leaves out stays as it is. Answers how many rows
-- were updated, and their lowest version.
with changed as (
  update catalog.products p
  set name = coalesce(r.name, p.name), description = coalesce(r.description, p.description),
    brand = coalesce(r.brand, p.brand), category = coalesce(r.category, p.category),
    gtin = case when r.given & 1 = 0 then p.gtin else r.gtin end,
    weight_grams = case when r.given & 2 = 0 then p.weight_grams else r.weight_grams end,
    length_mm = case when r.given & 4 = 0 then p.length_mm else r.length_mm end,
    width_mm = case when r.given & 8 = 0 then p.width_mm else r.width_mm end,
    height_mm = case when r.given & 16 = 0 then p.height_mm else r.height_mm end,
    price_minor = coalesce(r.price_minor, p.price_minor), currency = coalesce(r.currency, p.currency),
    status = coalesce(r.status, p.status), attributes = coalesce(r.attributes, p.attributes)
  from pg_temp.import_rows r
  where p.sku = r.sku and
    :changed
  returning p.version
)
select count(*) as rows, min(version) as "lowestVersion" from changed
