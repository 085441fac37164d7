-- $1 user name, $2 action, $3 target or null, $4 status, $5 detail as JSON or null.
insert into catalog.console_actions (username, action, target, status, detail)
values ($1, $2, $3, $4, $5::jsonb)
