-- $1 category or null, $2 brand or null, $3 status, $4 search text or null, $5 last id of the previous page or null,
-- $6 how many. Answers products by id. It is not prepared: Postgres plans each call and knows which inputs are null, so
-- that every filter uses its own index.
select
  p.id, p.sku, p.name, p.description, p.brand, p.category, p.gtin, p.weight_grams as "weightGrams",
  p.length_mm as "lengthMm", p.width_mm as "widthMm", p.height_mm as "heightMm", p.price_minor as "priceMinor",
  p.currency, p.status, p.attributes, p.version, p.created_at as "createdAt", p.updated_at as "updatedAt"
from catalog.products p
where ($1::text is null or p.category = $1)
  and ($2::text is null or p.brand = $2)
  and p.status = $3
  and ($4::text is null or catalog.search_vector(p.name, p.brand, p.sku) @@ catalog.search_query($4))
  and ($5::uuid is null or p.id > $5)
order by p.id
limit $6
