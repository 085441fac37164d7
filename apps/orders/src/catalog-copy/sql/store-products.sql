-- Inputs: $1 round, then arrays: $2 ids, $3 SKUs, $4 names, $5 prices, $6 currencies, $7 weights, $8 states, $9 versions.
-- A product that this reading has stored with a later version stays. One of an earlier reading does not: a failover may have lost
-- its version.
insert into catalog.copied_products (
  product_id, sku, name, price_minor, currency, weight_grams, status, version, round)
select c.id, c.sku, c.name, c.price_minor, c.currency, c.weight_grams, c.status, c.version, $1
from unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::integer[], $8::text[], $9::bigint[]) as c (
  id, sku, name, price_minor, currency, weight_grams, status, version)
on conflict (product_id) do update set
  sku = excluded.sku, name = excluded.name, price_minor = excluded.price_minor, currency = excluded.currency,
  weight_grams = excluded.weight_grams, status = excluded.status, version = excluded.version, round = excluded.round
where copied_products.round < excluded.round or copied_products.version <= excluded.version
