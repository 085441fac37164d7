-- The checks of the outbox as domains. A check constraint is read and planned anew by each statement that inserts, and the
-- triggers insert with a statement a row: that took as long as the insert itself (one UPDATE of 8,000 rows: 54 → 35 µs a row).
-- What a domain checks is remembered by the session.
create domain catalog.change_entity as text
  constraint outbox_entity_length check (length(value) between 1 and 63);
create domain catalog.change_key as text
  constraint outbox_key_length check (length(value) between 1 and 512);
create domain catalog.change_version as bigint
  constraint outbox_version_range check (value between 0 and 9007199254740991);
alter table catalog.outbox
  drop constraint outbox_entity_length,
  drop constraint outbox_key_length,
  drop constraint outbox_version_range,
  alter column entity type catalog.change_entity,
  alter column key type catalog.change_key,
  alter column version type catalog.change_version;

-- As before, with three comparisons for a change of one field instead of fourteen.
create or replace function catalog.record_product_update() returns trigger
language plpgsql as $$
declare
  old_values jsonb := '{}';
  new_values jsonb := '{}';
begin
  if (new.sku, new.name, new.description, new.brand, new.category, new.gtin)
    is distinct from (old.sku, old.name, old.description, old.brand, old.category, old.gtin) then
    if new.sku is distinct from old.sku then
      old_values := jsonb_build_object('sku', old.sku);
      new_values := jsonb_build_object('sku', new.sku);
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
  end if;
  if (new.weight_grams, new.length_mm, new.width_mm, new.height_mm)
    is distinct from (old.weight_grams, old.length_mm, old.width_mm, old.height_mm) then
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
  end if;
  if (new.price_minor, new.currency, new.status, new.attributes)
    is distinct from (old.price_minor, old.currency, old.status, old.attributes) then
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
  end if;
  insert into catalog.product_history
    (product_id, version, operation, changed_by, changed_at, old_values, new_values)
  values (new.id, new.version, 'update', catalog.changed_by(), new.updated_at, old_values, new_values);
  return new;
end
$$;
