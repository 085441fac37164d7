-- Inputs: $1 customer or null, $2 status or null, $3 last id of the previous page or null, $4 how many. Answers orders,
-- newest first. It is not a named statement, so Postgres plans each call anew and picks the index of its filter.
select
  o.id, o.customer_id as "customerId", o.status, o.currency, o.total_minor as "totalMinor",
  o.created_at as "createdAt", o.completed_at as "completedAt", o.cancelled_at as "cancelledAt"
from catalog.orders o
where ($1::text is null or o.customer_id = $1)
  and ($2::text is null or o.status = $2)
  and ($3::uuid is null or o.id < $3)
order by o.id desc
limit $4
