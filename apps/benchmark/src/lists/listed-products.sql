-- $1: how many products. The session has no triggers of the change feed, so the statement draws the versions. Brands, categories,
-- prices and weights do not depend on each other, so that several filters together match few products.
insert into catalog.products (
  sku, name, description, brand, category, price_minor, weight_grams, currency, status, version, created_at, updated_at
)
select
  'LIST-' || n,
  concat_ws(
    ' ', (array['Lamp', 'Relay', 'Sensor', 'Switch', 'Cable', 'Socket', 'Lock', 'Bulb'])[random(1, 8)],
    (array['smart', 'dimmable', 'wall', 'outdoor', 'slim'])[random(1, 5)], random(1, 20000)
  ),
  repeat('x', 200), 'Maker ' || random(1, 500), 'group-' || random(1, 50), random(100, 100000), random(1, 5000), 'EUR',
  case when random(1, 10) = 1 then 'draft' else 'active' end, nextval('catalog.versions'),
  clock_timestamp() - make_interval(days => random(0, 365)) - make_interval(secs => random(0, 86400)),
  clock_timestamp() - make_interval(days => random(0, 365)) - make_interval(secs => random(0, 86400))
from generate_series(1, $1::integer) n
