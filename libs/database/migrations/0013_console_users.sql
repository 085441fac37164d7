-- The people who may sign in to the console.
create table catalog.console_users (
  id catalog.resource_id primary key default pg_catalog.uuidv7(),
  -- Lower case only: no two names differ by a capital.
  username text not null
    constraint console_users_username_unique unique
    constraint console_users_username_form check (username ~ '^[a-z0-9][a-z0-9._@+-]{0,63}$'),
  -- Never the password: a PHC string, which names its algorithm and parameters.
  password_hash text not null constraint console_users_password_hashed check (password_hash like '$argon2id$%'),
  role text not null constraint console_users_role_known check (role in ('admin', 'editor', 'viewer')),
  created_at catalog.moment not null default pg_catalog.clock_timestamp(),
  -- Sessions that began with the former password end.
  password_changed_at catalog.moment not null default pg_catalog.clock_timestamp()
);
grant select, insert, update, delete on catalog.console_users to console;
-- The worker refreshes the profiles that are in use. It may not read a hash.
grant select (id, username, role, password_changed_at) on catalog.console_users to invalidation_worker;

-- Invalidates the cached profile of a user. Profiles have no version, so the invalidation is unconditional.
create function catalog.user_profile_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.record_change(
    'user_profile', case tg_op when 'INSERT' then new.id else old.id end::text, 9007199254740991);
  return null;
end
$$;
revoke execute on function catalog.user_profile_changed() from public;
create trigger profile_changed after insert or delete on catalog.console_users
  for each row execute function catalog.user_profile_changed();
create trigger profile_updated after update on catalog.console_users
  for each row when (old.* is distinct from new.*) execute function catalog.user_profile_changed();

create function catalog.user_profiles_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.require_read_committed(tg_table_name);
  perform catalog.record_change('user_profile', u.id::text, 9007199254740991) from only catalog.console_users u;
  return null;
end
$$;
revoke execute on function catalog.user_profiles_truncated() from public;
create trigger profiles_truncated before truncate on catalog.console_users
  for each statement execute function catalog.user_profiles_truncated();
