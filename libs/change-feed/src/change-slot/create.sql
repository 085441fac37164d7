-- Creates the change slot. Waits for the transactions that run. With a failover of Postgres that synchronises slots, it goes on there.
-- It runs on a replication connection, whose statements have no time limit.
select pg_create_logical_replication_slot('catalog_' || oid, 'pgoutput', failover => true)
from pg_database where datname = current_database()
