-- $1 the process id of a session that waits for a lock. Answers the sessions that it waits for: pid, user, application,
-- state, since when their transaction is open in seconds, and the statement that they run or ran last.
select a.pid, coalesce(a.usename, '?') as "user", coalesce(nullif(a.application_name, ''), '?') as application,
  coalesce(a.state, '?') as state, extract(epoch from clock_timestamp() - a.xact_start)::int as "open_s",
  left(regexp_replace(a.query, '\s+', ' ', 'g'), 200) as query
from pg_stat_activity a
where a.pid = any(pg_blocking_pids($1))
order by a.xact_start
