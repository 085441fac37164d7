-- Answers one row: is_standby, connections and most_connections, the longest open transaction in seconds (0 if none) and who
-- has it, and the changes that wait (10,000 at most are counted).
select
  pg_is_in_recovery() as is_standby,
  (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as connections,
  current_setting('max_connections')::int as most_connections,
  coalesce(extract(epoch from clock_timestamp() - longest.xact_start)::int, 0) as transaction_s,
  longest.application_name as transaction_of,
  longest.pid as transaction_pid,
  (select count(*)::int from (select from catalog.outbox where applied_at is null limit 10000) as waiting) as waiting
from (select) as one_row
left join lateral (
  select pid, application_name, xact_start from pg_stat_activity
  where xact_start is not null and pid <> pg_backend_pid() and backend_type = 'client backend'
  order by xact_start limit 1
) as longest on true
