-- $1 username, $2 hash of the password, $3 role. Makes the user, or gives a new password and role; sessions begun
-- with the old password end. Answers whether the user is new.
insert into catalog.console_users as users (username, password_hash, role)
values ($1, $2, $3)
on conflict (username) do update
set password_hash = excluded.password_hash, role = excluded.role, password_changed_at = clock_timestamp()
returning xmax = 0 as created
