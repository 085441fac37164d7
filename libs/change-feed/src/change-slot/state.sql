-- The state of the change slot. This statement also runs on a replication connection, which takes no parameters.
-- Answer: wanted, inUse, landed, as in catalog.change_slot; source, where the triggers write; name, of the slot in this database;
-- and of the slot: exists; lostBy, why Postgres cannot send it any more, or null; confirmed, the position up to which Postgres
-- sends nothing again; holder, the process of Postgres that sends it
select
  s.wanted,
  catalog.change_source() as source,
  s.in_use as "inUse",
  (s.landed - '0/0'::pg_lsn)::float8 as landed,
  d.name,
  r.slot_name is not null as exists,
  case when r.wal_status = 'lost' or r.invalidation_reason is not null then coalesce(r.invalidation_reason, 'lost') end as "lostBy",
  (r.confirmed_flush_lsn - '0/0'::pg_lsn)::float8 as confirmed,
  r.active_pid as holder
from catalog.change_slot s
cross join (select 'catalog_' || oid from pg_database where datname = current_database()) as d (name)
left join pg_replication_slots r on r.slot_name = d.name
