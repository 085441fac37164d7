-- Inputs: $1 id. Answers the id, or no row unless the order was in the state "placed".
update catalog.orders set status = 'completed', completed_at = clock_timestamp()
where id = $1 and status = 'placed'
returning id
