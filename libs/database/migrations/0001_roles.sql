-- One role per service, with only the rights it needs. Each table grants them in the migration that creates it.
-- Roles belong to the whole server: another database of it may have created them already, or may be creating them now.
do $$
declare
  role_name text;
begin
  foreach role_name in array array['catalog_read', 'catalog_write', 'invalidation_worker', 'orders', 'console'] loop
    -- Look first: where an operator has created the roles, the owner needs no right to create any.
    if not exists (select from pg_catalog.pg_roles where rolname = role_name) then
      begin
        execute format('create role %I nologin', role_name);
      exception when duplicate_object or unique_violation then
        null;
      end;
    end if;
  end loop;
end
$$;

-- A role of the whole database may make large objects and temporary tables, and hold any advisory lock. The services lose that:
-- a lock that another service needs would stop it. Functions with the rights of the owner take the locks that a service may
-- take. Only a superuser can revoke rights on functions of Postgres itself; for another owner these lines are warnings.
do $$
declare
  function_of_postgres regprocedure;
begin
  execute format('revoke temporary on database %I from public', current_database());
  execute format('grant temporary on database %I to catalog_write', current_database());
  for function_of_postgres in
    select p.oid from pg_catalog.pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace
      and (p.proname ~ '^pg_(try_)?advisory_' or p.proname ~ '^lo_' or p.proname in ('lowrite', 'loread'))
  loop
    execute format('grant execute on function %s to %I', function_of_postgres, current_user);
    execute format('revoke execute on function %s from public', function_of_postgres);
  end loop;
exception when insufficient_privilege then
  raise warning 'every role of this database may hold advisory locks and make large objects: only a superuser can revoke that';
end
$$;

-- Only the owner creates objects in this schema.
revoke all on schema catalog from public;
grant usage on schema catalog to catalog_read, catalog_write, invalidation_worker, orders, console;
