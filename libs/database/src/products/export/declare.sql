-- A cursor over the products of an export, by id. Inputs: $1 category or null, $2 brand or null, $3 status, $4 search text or
-- null, as in list.sql.
declare exported no scroll cursor for
select
  p.sku, p.name, p.description, p.brand, p.category, p.gtin, p.weight_grams, p.length_mm, p.width_mm, p.height_mm,
  p.price_minor, p.currency, p.status, p.attributes
from catalog.products p
where ($1::text is null or p.category = $1)
  and ($2::text is null or p.brand = $2)
  and p.status = $3
  and ($4::text is null or catalog.search_vector(p.name, p.brand, p.sku) @@ catalog.search_query($4))
order by p.id
