-- $1 username. Answers the user with the hash of the password; no row if there is none.
select id, username, role, password_hash, password_changed_at
from catalog.console_users
where username = $1
