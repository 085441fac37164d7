-- $1 customer or null, $2 status or null, $3 last id of the page before or null, $4 how many. Answers orders, the newest
-- first. Planned anew for each call, so that every filter gets its own index.
select
  o.id, o.customer_id as "customerId", o.status, o.currency, o.total_minor as "totalMinor",
  o.created_at as "createdAt", o.completed_at as "completedAt", o.cancelled_at as "cancelledAt"
from catalog.orders o
where ($1::text is null or o.customer_id = $1)
  and ($2::text is null or o.status = $2)
  and ($3::uuid is null or o.id < $3)
order by o.id desc
limit $4
