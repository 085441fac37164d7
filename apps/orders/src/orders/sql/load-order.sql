-- Inputs: $1 id. Answers one row per item, in the order of the lines, or no row if there is no such order.
select
  o.id, o.customer_id as "customerId", o.status, o.currency, o.total_minor as "totalMinor",
  o.created_at as "createdAt", o.completed_at as "completedAt", o.cancelled_at as "cancelledAt",
  i.sku, i.product_id as "productId", i.product_version as "productVersion", i.name, i.price_minor as "priceMinor",
  i.weight_grams as "weightGrams", i.quantity
from catalog.orders o
join catalog.order_items i on i.order_id = o.id
where o.id = $1
order by i.line
