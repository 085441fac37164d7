-- Inputs: $1 username, $2 password hash. Creates an admin while there are no users. Answers a row if it did.
insert into catalog.console_users (username, password_hash, role)
select $1, $2, 'admin'
where not exists (select from catalog.console_users)
on conflict (username) do nothing
returning username
