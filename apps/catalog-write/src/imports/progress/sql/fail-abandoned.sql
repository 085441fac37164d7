-- Imports without a sign of life for $1 milliseconds: their process died, and their transaction with it.
update catalog.imports
set state = 'failed', finished_at = heartbeat_at,
  errors = '[{"line": 1, "field": null, "code": "abandoned", "message": "The service stopped while the import ran. Nothing of it was applied; send it again."}]'
where state = 'running' and heartbeat_at < clock_timestamp() - make_interval(secs => $1::double precision / 1000)
