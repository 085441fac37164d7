-- $1 id, $2 records received, $3 failed so far, $4 errors. Only while it runs: a transaction of it that is committing at
-- this moment holds the row, and wins.
update catalog.imports
set state = 'failed', received = $2, failed = $3, errors = $4,
  heartbeat_at = clock_timestamp(), finished_at = clock_timestamp()
where id = $1 and state = 'running'
