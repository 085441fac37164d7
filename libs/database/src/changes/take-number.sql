-- Takes a transaction number. The number ends with this statement. A snapshot of Postgres lists only open transactions below the
-- last number that has ended. So the next snapshot lists every transaction that has a number now.
select pg_current_xact_id()
