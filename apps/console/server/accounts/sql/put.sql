-- Inputs: $1 username, $2 password hash, $3 role. Creates the user, or sets password and role. Sessions that began with
-- the old password end. Answers whether the user is new.
insert into catalog.console_users as users (username, password_hash, role)
values ($1, $2, $3)
on conflict (username) do update
set password_hash = excluded.password_hash, role = excluded.role, password_changed_at = clock_timestamp()
returning xmax = 0 as created
