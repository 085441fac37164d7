-- The cache was purged since the slot was lost. Looks may go by it again.
-- $1 the position from which on it has every change, in bytes; $2 the incarnation of Postgres
update catalog.change_slot
set landed = '0/0'::pg_lsn + $1::numeric, landed_at = clock_timestamp()
where in_use and landed is null and exists (select from catalog.database_incarnation where incarnation = $2::uuid)
