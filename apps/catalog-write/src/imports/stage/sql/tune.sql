-- For the rest of the session. $1 work_mem; $2 how often a statement looks whether we are still connected, so that an
-- import whose process or client is gone does not go on to hold its locks.
select set_config('work_mem', $1, false), set_config('client_connection_check_interval', $2, false)
