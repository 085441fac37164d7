-- Inputs: $1 username, $2 password hash, $3 role. Answers a row, or none if the name belongs to another user.
insert into catalog.console_users (username, password_hash, role)
values ($1, $2, $3)
on conflict (username) do nothing
returning id
