-- Marks imports as failed that had no heartbeat for $1 milliseconds. Their process died, and their transaction with it.
update catalog.imports
set state = 'failed', finished_at = heartbeat_at,
  errors = '[{"line": 1, "field": null, "code": "abandoned", "message": "The service stopped while the import ran. Nothing was applied. Send the file again."}]'
where state = 'running' and heartbeat_at < clock_timestamp() - make_interval(secs => $1::double precision / 1000)
