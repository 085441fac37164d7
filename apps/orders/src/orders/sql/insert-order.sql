-- Inputs: $1 customer, $2 currency, $3 total, $4 caller; then arrays in the order of the lines: $5 product ids, $6 product
-- versions, $7 SKUs, $8 names, $9 prices, $10 weights, $11 quantities. Answers id and createdAt.
with placed as (
  insert into catalog.orders (customer_id, currency, total_minor, placed_by) values ($1, $2, $3, $4)
  returning id, created_at
),
items as (
  insert into catalog.order_items (
    order_id, line, product_id, product_version, sku, name, price_minor, weight_grams, quantity)
  select placed.id, item.line, item.product_id, item.product_version, item.sku, item.name, item.price_minor,
    item.weight_grams, item.quantity
  from placed, unnest($5::uuid[], $6::bigint[], $7::text[], $8::text[], $9::bigint[], $10::integer[], $11::integer[])
    with ordinality as item (
      product_id, product_version, sku, name, price_minor, weight_grams, quantity, line)
)
select id, created_at as "createdAt" from placed
