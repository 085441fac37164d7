-- Whoever inserts, updates or deletes rows of a table holds this lock on it until the end of the transaction.
select exists (
  select from pg_locks
  where locktype = 'relation'
    and mode = 'RowExclusiveLock'
    and relation = 'catalog.outbox'::regclass
    and database = (select oid from pg_database where datname = current_database())
) as written
