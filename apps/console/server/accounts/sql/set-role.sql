-- Inputs: $1 username, $2 role. Answers the id of the user, or no row if there is no such user.
update catalog.console_users set role = $2 where username = $1 returning id
