-- Inputs: $1 username, $2 password hash. Sessions that began with the old password end. Answers the id of the user, or no row.
update catalog.console_users set password_hash = $2, password_changed_at = clock_timestamp()
where username = $1
returning id
