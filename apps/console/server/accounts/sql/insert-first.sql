-- $1 username, $2 hash of the password. Makes an admin while there is no user at all; answers a row if it did.
insert into catalog.console_users (username, password_hash, role)
select $1, $2, 'admin'
where not exists (select from catalog.console_users)
on conflict (username) do nothing
returning username
