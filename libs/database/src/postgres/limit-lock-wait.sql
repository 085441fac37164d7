-- $1 milliseconds. Lowers the lock timeout for the rest of the transaction. Keeps that of the session if it is lower; 0
-- sets no limit.
select set_config('lock_timeout', $1::text, true)
from pg_settings
where name = 'lock_timeout' and (setting = '0' or setting::int8 > $1::int8)
