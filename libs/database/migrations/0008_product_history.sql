-- Who changed which fields of a product, when, with old and new values. Append-only, with one partition for each day (UTC):
-- retention drops whole days. At 1,000 changes a second, deleting rows would not keep up.
--
-- Every update pays for the history (npm run bench -- commits shows how much). So the operation is an enum instead of a
-- checked text, and a row reuses the time that the change has drawn already.
create type catalog.product_operation as enum ('create', 'update', 'delete');
create table catalog.product_history (
  product_id uuid not null,
  -- The version that the change drew; for a delete, that of the tombstone.
  version catalog.exact_count not null,
  operation catalog.product_operation not null,
  -- The subject of the caller's token; "sql" if the transaction named none.
  changed_by text not null,
  changed_at catalog.moment not null,
  -- Fields have the names of the contract. An update has the changed fields, a delete all fields. A create has none: its
  -- values follow from the first later change of each field, and an import of a million products needs no second copy.
  old_values jsonb,
  new_values jsonb,
  -- The top-level transaction, for GET /v1/changes: it tells which changes a follower has not seen.
  transaction_id xid8 not null default pg_current_xact_id(),
  -- A key must contain the partition key. Versions are unique by themselves.
  primary key (product_id, version, changed_at)
) partition by range (changed_at);
-- Takes the rows of days without a partition, so that a worker that is away for long stops no write.
create table catalog.product_history_default partition of catalog.product_history default;
-- For GET /v1/changes, which reads changes in the order of their versions. Versions grow, so an insert goes to the last page.
create index product_history_by_version on catalog.product_history (version);
-- Only the triggers below write here, as their owner: no service can write in another's name.
grant select on catalog.product_history to catalog_write, catalog_read;

create function catalog.refuse_rewriting_history() returns trigger
language plpgsql as $$
begin
  raise exception 'the history of products is append-only' using errcode = 'restrict_violation';
end
$$;
-- A row trigger, because Postgres copies it to each partition.
create trigger append_only before update on catalog.product_history
  for each row execute function catalog.refuse_rewriting_history();

-- Who changes things in this transaction: set_config('catalog.changed_by', 'orders', true).
create function catalog.changed_by() returns text
language sql stable parallel safe
begin atomic
  select coalesce(nullif(current_setting('catalog.changed_by', true), ''), 'sql');
end;

-- All fields that a client can write, by the names of the contract.
create function catalog.product_fields(product catalog.products) returns jsonb
language sql stable parallel safe
begin atomic
  select jsonb_build_object(
    'sku', product.sku, 'name', product.name, 'description', product.description, 'brand', product.brand,
    'category', product.category, 'gtin', product.gtin, 'weightGrams', product.weight_grams,
    'lengthMm', product.length_mm, 'widthMm', product.width_mm, 'heightMm', product.height_mm,
    'priceMinor', product.price_minor, 'currency', product.currency, 'status', product.status,
    'attributes', product.attributes);
end;

-- BEFORE UPDATE. Its name sorts after track_update, so the version is already the new one: an unchanged version means an
-- unchanged row. Field by field: comparing groups of fields first takes a seventh longer. It is not a WHEN condition,
-- because every statement prepares that anew.
create function catalog.record_product_update() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  old_values jsonb := '{}';
  new_values jsonb := '{}';
begin
  if new.version = old.version then
    return new;
  end if;
  if new.sku is distinct from old.sku then
    old_values := old_values || jsonb_build_object('sku', old.sku);
    new_values := new_values || jsonb_build_object('sku', new.sku);
  end if;
  if new.name is distinct from old.name then
    old_values := old_values || jsonb_build_object('name', old.name);
    new_values := new_values || jsonb_build_object('name', new.name);
  end if;
  if new.description is distinct from old.description then
    old_values := old_values || jsonb_build_object('description', old.description);
    new_values := new_values || jsonb_build_object('description', new.description);
  end if;
  if new.brand is distinct from old.brand then
    old_values := old_values || jsonb_build_object('brand', old.brand);
    new_values := new_values || jsonb_build_object('brand', new.brand);
  end if;
  if new.category is distinct from old.category then
    old_values := old_values || jsonb_build_object('category', old.category);
    new_values := new_values || jsonb_build_object('category', new.category);
  end if;
  if new.gtin is distinct from old.gtin then
    old_values := old_values || jsonb_build_object('gtin', old.gtin);
    new_values := new_values || jsonb_build_object('gtin', new.gtin);
  end if;
  if new.weight_grams is distinct from old.weight_grams then
    old_values := old_values || jsonb_build_object('weightGrams', old.weight_grams);
    new_values := new_values || jsonb_build_object('weightGrams', new.weight_grams);
  end if;
  if new.length_mm is distinct from old.length_mm then
    old_values := old_values || jsonb_build_object('lengthMm', old.length_mm);
    new_values := new_values || jsonb_build_object('lengthMm', new.length_mm);
  end if;
  if new.width_mm is distinct from old.width_mm then
    old_values := old_values || jsonb_build_object('widthMm', old.width_mm);
    new_values := new_values || jsonb_build_object('widthMm', new.width_mm);
  end if;
  if new.height_mm is distinct from old.height_mm then
    old_values := old_values || jsonb_build_object('heightMm', old.height_mm);
    new_values := new_values || jsonb_build_object('heightMm', new.height_mm);
  end if;
  if new.price_minor is distinct from old.price_minor then
    old_values := old_values || jsonb_build_object('priceMinor', old.price_minor);
    new_values := new_values || jsonb_build_object('priceMinor', new.price_minor);
  end if;
  if new.currency is distinct from old.currency then
    old_values := old_values || jsonb_build_object('currency', old.currency);
    new_values := new_values || jsonb_build_object('currency', new.currency);
  end if;
  if new.status is distinct from old.status then
    old_values := old_values || jsonb_build_object('status', old.status);
    new_values := new_values || jsonb_build_object('status', new.status);
  end if;
  if new.attributes is distinct from old.attributes then
    old_values := old_values || jsonb_build_object('attributes', old.attributes);
    new_values := new_values || jsonb_build_object('attributes', new.attributes);
  end if;
  insert into catalog.product_history
    (product_id, version, operation, changed_by, changed_at, old_values, new_values)
  values (new.id, new.version, 'update', catalog.changed_by(), new.updated_at, old_values, new_values);
  return new;
end
$$;
revoke execute on function catalog.record_product_update() from public;
create trigger track_update_history before update on catalog.products
  for each row execute function catalog.record_product_update();

-- AFTER INSERT, FOR EACH STATEMENT
create function catalog.record_products_create() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into catalog.product_history (product_id, version, operation, changed_by, changed_at)
  select i.id, i.version, 'create', catalog.changed_by(), i.updated_at from inserted i;
  return null;
end
$$;
revoke execute on function catalog.record_products_create() from public;
create trigger track_insert_history after insert on catalog.products
  referencing new table as inserted for each statement execute function catalog.record_products_create();

-- AFTER DELETE: track_delete has left the version in the tombstone, in this transaction.
create function catalog.record_product_delete() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into catalog.product_history (product_id, version, operation, changed_by, changed_at, old_values)
  select old.id, t.version, 'delete', catalog.changed_by(), t.deleted_at, catalog.product_fields(old)
  from catalog.tombstones t
  where t.entity = 'product' and t.key = old.id::text;
  return null;
end
$$;
revoke execute on function catalog.record_product_delete() from public;
create trigger track_delete_history after delete on catalog.products
  for each row execute function catalog.record_product_delete();

-- BEFORE TRUNCATE. Its name sorts after track_truncate: the tombstones are there, and so are the rows.
create function catalog.record_products_truncate() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.require_read_committed(tg_table_name);
  insert into catalog.product_history (product_id, version, operation, changed_by, changed_at, old_values)
  select p.id, t.version, 'delete', catalog.changed_by(), t.deleted_at, catalog.product_fields(p)
  from only catalog.products p
  join catalog.tombstones t on t.entity = 'product' and t.key = p.id::text;
  return null;
end
$$;
revoke execute on function catalog.record_products_truncate() from public;
create trigger track_truncate_history before truncate on catalog.products
  for each statement execute function catalog.record_products_truncate();
