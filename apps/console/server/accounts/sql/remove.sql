-- Inputs: $1 username. Answers a row if there was such a user.
delete from catalog.console_users where username = $1 returning username
