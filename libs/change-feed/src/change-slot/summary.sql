-- The change slot, for people and metrics.
-- Answer: wanted, inUse, as in catalog.change_slot; source, where the triggers write; isLost, whether the cache is not purged yet
-- after a loss; isHeld, whether a worker reads it; walStatus, as in pg_replication_slots, or null; lag_bytes and lag_s, how far
-- landing is behind; retained_bytes, the write-ahead log that Postgres keeps for it. Zero while the slot is not in use
select
  s.wanted,
  catalog.change_source() as source,
  s.in_use as "inUse",
  s.in_use and s.landed is null as "isLost",
  coalesce(r.active, false) as "isHeld",
  r.wal_status as "walStatus",
  coalesce(greatest(pg_current_wal_insert_lsn() - s.landed, 0), 0)::bigint as lag_bytes,
  coalesce(greatest(extract(epoch from clock_timestamp() - s.landed_at), 0), 0)::float8 as lag_s,
  coalesce(pg_current_wal_insert_lsn() - r.restart_lsn, 0)::bigint as retained_bytes
from catalog.change_slot s
left join pg_replication_slots r
  on r.slot_name = (select 'catalog_' || oid from pg_database where datname = current_database())
