-- The people who may sign in to the console, and the role under which the console reads them.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'console') then
    begin
      create role console nologin;
    exception when duplicate_object or unique_violation then
      null;
    end;
  end if;
end
$$;

create table catalog.console_users (
  id uuid primary key default pg_catalog.uuidv7(),
  -- Lower case only, so that no two people differ by a capital.
  username text not null
    constraint console_users_username_unique unique
    constraint console_users_username_form check (username ~ '^[a-z0-9][a-z0-9._@+-]{0,63}$'),
  -- Never the password: a PHC string, which names its algorithm and parameters.
  password_hash text not null constraint console_users_password_hashed check (password_hash like '$argon2id$%'),
  role text not null constraint console_users_role_known check (role in ('admin', 'viewer')),
  created_at timestamptz not null default pg_catalog.clock_timestamp(),
  -- A session that was begun with another password ends.
  password_changed_at timestamptz not null default pg_catalog.clock_timestamp()
);

grant usage on schema catalog to console;
grant select, insert, update, delete on catalog.console_users to console;
