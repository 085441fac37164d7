-- Inputs: $1 username. Answers a row if the user is the only admin.
select from catalog.console_users users
where users.username = $1 and users.role = 'admin'
  and not exists (select from catalog.console_users others where others.role = 'admin' and others.username <> $1)
