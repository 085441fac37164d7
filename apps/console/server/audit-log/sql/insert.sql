-- $1 user name, $2 action, $3 target or null, $4 status, $5 detail as JSON or null, $6 how many seconds ago it was.
insert into catalog.console_actions (id, username, action, target, status, detail, acted_at)
select
  uuidv7(ago), $1, $2, $3, $4::integer, $5::jsonb, clock_timestamp() + ago
from make_interval(secs => -$6::float8) as acted (ago)
