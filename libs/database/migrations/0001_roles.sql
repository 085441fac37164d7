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

-- Only the owner creates objects in this schema.
revoke all on schema catalog from public;
grant usage on schema catalog to catalog_read, catalog_write, invalidation_worker, orders, console;
