-- Inputs: $1 username. Answers the user with the password hash, or no row.
select id, username, role, password_hash, password_changed_at
from catalog.console_users
where username = $1
