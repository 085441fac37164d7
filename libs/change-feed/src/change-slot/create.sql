-- Creates the change slot. Waits until the running transactions have ended. A standby that synchronises slots gets a copy of it.
-- It runs on a replication connection, whose statements have no time limit.
select pg_create_logical_replication_slot('catalog_' || oid, 'pgoutput', failover => true)
from pg_database where datname = current_database()
