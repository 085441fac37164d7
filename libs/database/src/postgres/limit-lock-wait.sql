-- $1 milliseconds. The rest of the transaction waits for a lock no longer than that, or than the session does if that is
-- less; 0 is no limit.
select set_config('lock_timeout', $1::text, true)
from pg_settings
where name = 'lock_timeout' and (setting = '0' or setting::int8 > $1::int8)
