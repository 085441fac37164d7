-- $1 id. Answers id; no row unless the order is placed.
update catalog.orders set status = 'completed', completed_at = clock_timestamp()
where id = $1 and status = 'placed'
returning id
