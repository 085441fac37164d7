-- Rows of transactions that have not begun were restored from another server: they become this one's.
-- $1 how many at most
update catalog.outbox set transaction_id = pg_current_xact_id()
where ctid = any (array(
  select ctid from catalog.outbox
  where applied_at is null and transaction_id >= pg_snapshot_xmax(pg_current_snapshot())
  limit $1
))
