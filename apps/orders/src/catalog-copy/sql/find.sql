-- Inputs: $1 SKU. Answers age_ms, since when the copy may lack changes, and the product with that SKU, or nulls if there is none.
-- No row: the copy is not complete yet.
select
  extract(epoch from clock_timestamp() - p.current_at)::float8 * 1000 as age_ms,
  c.product_id as id, c.sku, c.name, c.price_minor as "priceMinor", c.currency, c.weight_grams as "weightGrams", c.status, c.version
from catalog.copy_position p
left join lateral (
  select * from catalog.copied_products c where c.sku = $1 order by c.version desc limit 1
) c on true
where p.finished_round > 0
