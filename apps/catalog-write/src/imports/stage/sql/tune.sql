-- For the rest of the session. Inputs: $1 work_mem, $2 how often a running statement checks that its client is
-- connected. The check ends an import whose process or client has gone, and so frees its locks.
select set_config('work_mem', $1, false), set_config('client_connection_check_interval', $2, false)
