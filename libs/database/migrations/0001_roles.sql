-- One role per service, with only the rights it needs; each table grants them where it is created.
-- Roles belong to the whole server, so another database of it may have made them already, or be making
-- them at this moment.
do $$
declare
  role_name text;
begin
  foreach role_name in array array['catalog_read', 'catalog_write', 'invalidation_worker'] loop
    -- Looked for first: an owner that may not create roles needs no such right where an operator made them.
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

-- Nobody creates objects here but the owner.
revoke all on schema catalog from public;
grant usage on schema catalog to catalog_read, catalog_write, invalidation_worker;
