-- $1: how many products. Returns their ids. The session has no triggers, so the statement draws the versions.
insert into catalog.products (sku, name, description, brand, category, price_minor, currency, status, version, updated_at)
select 'GEN-' || gen_random_uuid(), 'Generated product ' || n, 'For measuring; ' || repeat('x', 200), 'Brand ' || n % 500,
  'category-' || n % 50, 100 + n % 10000, 'EUR', 'active', nextval('catalog.versions'), clock_timestamp()
from generate_series(1, $1::integer) n
returning id
