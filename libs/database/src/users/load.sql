-- $1 ids. Answers the users as of now; no row where there is none.
select id, username, role, password_changed_at as "passwordChangedAt"
from catalog.console_users
where id = any ($1::uuid[])
