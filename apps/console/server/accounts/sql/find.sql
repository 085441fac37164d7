-- $1 id. Answers the user as of now; no row if there is none any more.
select id, username, role, password_changed_at
from catalog.console_users
where id = $1
