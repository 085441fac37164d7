-- From now on looks go by the slot, because the triggers may write to it.
-- $1 the position from which on it has every change, in bytes
update catalog.change_slot
set in_use = true, landed = '0/0'::pg_lsn + $1::numeric, landed_at = clock_timestamp()
where not in_use
