-- Answer: written, whether an open transaction has changed the outbox
-- INSERT, UPDATE and DELETE hold this lock on the table until the transaction ends.
select exists (
  select from pg_locks
  where locktype = 'relation'
    and mode = 'RowExclusiveLock'
    and relation = 'catalog.outbox'::regclass
    and database = (select oid from pg_database where datname = current_database())
) as written
