-- Inputs: $1 username. Answers the id of the removed user, or no row if there was none.
delete from catalog.console_users where username = $1 returning id
