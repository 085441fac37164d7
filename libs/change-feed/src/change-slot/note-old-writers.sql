-- The triggers write to the outbox again. Transactions that already run may still write to the slot.
update catalog.change_slot set left_running = array(
  select l.virtualxid
  from pg_locks l join pg_stat_activity a on a.pid = l.pid
  where l.locktype = 'virtualxid' and a.datname = current_database() and a.pid <> pg_backend_pid()
)
where catalog.change_source() = 'outbox' and left_running is null
