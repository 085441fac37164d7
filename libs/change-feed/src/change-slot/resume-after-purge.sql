-- The cache was purged after the loss of the slot, so looks may use the slot again.
-- $1 the position after which the slot has every change, in bytes; $2 the incarnation of Postgres
update catalog.change_slot
set landed = '0/0'::pg_lsn + $1::numeric, landed_at = clock_timestamp()
where in_use and landed is null and exists (select from catalog.database_incarnation where incarnation = $2::uuid)
