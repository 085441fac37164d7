-- Writes progress and heartbeat. Inputs: $1 id, $2 records received so far, $3 records failed so far.
update catalog.imports set received = $2, failed = $3, heartbeat_at = clock_timestamp()
where id = $1 and state = 'running'
