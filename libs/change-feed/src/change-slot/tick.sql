-- Writes a milestone into the slot, which also flushes all earlier landings. Answers what the reader of the slot has to do.
-- $1 the name of the slot
-- Answer: milestone, its position in bytes; wanted, as in catalog.change_slot; source, where the triggers write; holder, the
-- process of Postgres that sends the slot; oldWritersNoted, whether left_running is set; oldWritersEnded, whether all transactions of
-- left_running have ended
select
  catalog.write_milestone() as milestone,
  s.wanted,
  catalog.change_source() as source,
  (select active_pid from pg_replication_slots where slot_name = $1) as holder,
  s.left_running is not null as "oldWritersNoted",
  s.left_running is not null and not exists (
    select from pg_locks where locktype = 'virtualxid' and virtualxid = any (s.left_running)
  ) as "oldWritersEnded"
from catalog.change_slot s
