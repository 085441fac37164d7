-- Gives rows to the current transaction whose own transaction number lies in the future. They were restored from another server,
-- and no claim would see them until this server has used as many numbers.
-- $1 how many at most
update catalog.outbox set transaction_id = pg_current_xact_id()
where ctid = any (array(
  select ctid from catalog.outbox
  where applied_at is null and transaction_id >= pg_snapshot_xmax(pg_current_snapshot())
  limit $1
))
