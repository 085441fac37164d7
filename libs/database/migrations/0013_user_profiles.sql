-- Whatever changes a user, the console or a person in psql, drops the profile that the console has cached.
create function catalog.user_profile_changed() returns trigger
language plpgsql as $$
begin
  insert into catalog.outbox (entity, key, version)
  values ('user_profile', case tg_op when 'INSERT' then new.id else old.id end::text, 9007199254740991);
  return null;
end
$$;
create trigger profile_changed after insert or delete on catalog.console_users
  for each row execute function catalog.user_profile_changed();
create trigger profile_updated after update on catalog.console_users
  for each row when (old.* is distinct from new.*) execute function catalog.user_profile_changed();

create function catalog.user_profiles_truncated() returns trigger
language plpgsql as $$
begin
  insert into catalog.outbox (entity, key, version)
  select 'user_profile', u.id::text, 9007199254740991 from only catalog.console_users u;
  return null;
end
$$;
create trigger profiles_truncated before truncate on catalog.console_users
  for each statement execute function catalog.user_profiles_truncated();

-- For the trigger.
grant insert on catalog.outbox to console;
-- The worker refreshes the profiles that are in use. It may not see a hash.
grant select (id, username, role, password_changed_at) on catalog.console_users to invalidation_worker;
