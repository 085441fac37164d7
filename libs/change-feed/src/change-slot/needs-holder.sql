-- Answer: needsHolder, whether a worker has to read or delete the change slot, and none does
select
  not coalesce(r.active, false) and (s.in_use or s.wanted = 'slot' or r.slot_name is not null) as "needsHolder"
from catalog.change_slot s
left join pg_replication_slots r
  on r.slot_name = (select 'catalog_' || oid from pg_database where datname = current_database())
