-- Marks a running import as failed. Inputs: $1 id, $2 records received, $3 records failed, $4 errors. When the import
-- commits at the same moment, its transaction holds the row and wins; then no row matches here.
update catalog.imports
set state = 'failed', received = $2, failed = $3, errors = $4,
  heartbeat_at = clock_timestamp(), finished_at = clock_timestamp()
where id = $1 and state = 'running'
