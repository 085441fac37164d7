-- The slot is deleted, and everything that it held is in the outbox.
update catalog.change_slot set in_use = false, landed = null, landed_at = null, left_running = null where wanted = 'outbox'
