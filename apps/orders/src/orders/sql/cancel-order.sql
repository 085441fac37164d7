-- $1 id. Answers id; no row unless the order is placed.
update catalog.orders set status = 'cancelled', cancelled_at = clock_timestamp()
where id = $1 and status = 'placed'
returning id
