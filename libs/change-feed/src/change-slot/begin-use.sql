-- From now on looks wait for the slot, because the triggers may write to it.
-- $1 the position after which the slot has every change, in bytes
update catalog.change_slot
set in_use = true, landed = '0/0'::pg_lsn + $1::numeric, landed_at = clock_timestamp()
where not in_use
