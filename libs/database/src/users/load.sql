-- $1 ids. Answers the users that exist.
select id, username, role, password_changed_at as "passwordChangedAt"
from catalog.console_users
where id = any ($1::uuid[])
