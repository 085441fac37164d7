-- Products, and the index from SKU to product.

-- GS1 check digit: from the right, digits weigh 1, 3, 1, …; the sum is a multiple of ten. Missing leading digits count 0.
create function catalog.is_valid_gtin(gtin text) returns boolean
language sql immutable parallel safe
begin atomic
  select case
    when gtin ~ '^([0-9]{8}|[0-9]{12,14})$' then (
      gtin::bigint % 10 + gtin::bigint / 10 % 10 * 3
      + gtin::bigint / 100 % 10 + gtin::bigint / 1000 % 10 * 3
      + gtin::bigint / 10000 % 10 + gtin::bigint / 100000 % 10 * 3
      + gtin::bigint / 1000000 % 10 + gtin::bigint / 10000000 % 10 * 3
      + gtin::bigint / 100000000 % 10 + gtin::bigint / 1000000000 % 10 * 3
      + gtin::bigint / 10000000000 % 10 + gtin::bigint / 100000000000 % 10 * 3
      + gtin::bigint / 1000000000000 % 10 + gtin::bigint / 10000000000000 % 10 * 3
    ) % 10 = 0
    when gtin is not null then false
  end;
end;

-- Whether some string of the object is longer than the contract allows. Postgres inlines no function with a subquery, so
-- this one is separate from is_flat, which calls it only for long objects.
create function catalog.has_long_string(attributes jsonb) returns boolean
language sql immutable parallel safe
begin atomic
  select exists (select from jsonb_each_text(attributes) each_text where length(each_text.value) > 1000);
end;

-- At most 100 strings, numbers and booleans, on one level; keys and strings follow the contract. Postgres writes the text
-- of a jsonb in one form: "key": value, "key": value. It escapes control characters as \b, \f and \u001f, and no other
-- character as \u. A bounded repetition such as {0,63} makes a regular expression slow, so the check of long keys runs
-- only if some word is too long for a key.
create function catalog.is_flat(attributes jsonb) returns boolean
language sql immutable parallel safe
begin atomic
  select jsonb_typeof(attributes) = 'object'
    and attributes::text ~
      '^\{(?:"[A-Za-z][A-Za-z0-9_.-]*": (?:"(?:[^"\\\u007f]|\\[^bfu])*"|[-0-9.]+|true|false)(?:, )?)*\}$'
    and not attributes ? 'constructor'
    -- The shortest pair is 8 characters long.
    and (length(attributes::text) < 800
      or not jsonb_path_exists(jsonb_path_query_array(attributes, '$.*'), '$[100]'))
    and (attributes::text !~ '[A-Za-z0-9_.-]{65}'
      or not jsonb_path_exists(attributes, '$.keyvalue() ? (@.key like_regex "^.{65}")'))
    and (length(attributes::text) < 1000 or not catalog.has_long_string(attributes))
    and catalog.has_json_numbers(attributes);
end;

-- The checks are domains, not check constraints. Every statement reads and plans all check constraints of its table anew;
-- a session caches a domain's check and runs it only for assigned columns. Measured on an UPDATE of one price: 260 → 23 µs.
create domain catalog.product_sku as text collate "C" constraint products_sku_format
  check (length(value) <= 64 and value ~ '^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$');
create domain catalog.product_name as text constraint products_name_length
  check (catalog.is_required_text(value, 300));
create domain catalog.product_description as text constraint products_description_length
  check (catalog.is_text(value, 10000));
create domain catalog.product_brand as text constraint products_brand_length
  check (catalog.is_required_text(value, 200));
create domain catalog.product_category as text constraint products_category_length
  check (catalog.is_required_text(value, 200));
create domain catalog.product_gtin as text constraint products_gtin_check_digit check (catalog.is_valid_gtin(value));
create domain catalog.product_weight_grams as integer constraint products_weight_grams_range check (value >= 0);
create domain catalog.product_length_mm as integer constraint products_length_mm_range
  check (value between 1 and 100000);
create domain catalog.product_width_mm as integer constraint products_width_mm_range
  check (value between 1 and 100000);
create domain catalog.product_height_mm as integer constraint products_height_mm_range
  check (value between 1 and 100000);
create domain catalog.product_price_minor as bigint constraint products_price_minor_range
  check (value between 0 and 9007199254740991);
create domain catalog.product_currency as text constraint products_currency_known check (catalog.is_currency(value));
create domain catalog.product_status as text constraint products_status_known
  check (value in ('draft', 'active', 'archived'));
create domain catalog.product_attributes as jsonb constraint products_attributes_flat check (catalog.is_flat(value));

create table catalog.products (
  id catalog.resource_id primary key default uuidv7(),
  sku catalog.product_sku not null,
  name catalog.product_name not null,
  description catalog.product_description not null default '',
  brand catalog.product_brand not null,
  category catalog.product_category not null,
  gtin catalog.product_gtin,
  weight_grams catalog.product_weight_grams,
  length_mm catalog.product_length_mm,
  width_mm catalog.product_width_mm,
  height_mm catalog.product_height_mm,
  price_minor catalog.product_price_minor not null,
  currency catalog.product_currency not null,
  status catalog.product_status not null default 'draft',
  attributes catalog.product_attributes not null default '{}',
  version bigint not null,
  created_at catalog.moment not null default clock_timestamp(),
  -- No catalog.moment: the triggers write the time of the clock, and a domain would be checked by each update.
  updated_at timestamptz not null,
  -- Deferrable, so that one statement can swap two SKUs. ON CONFLICT cannot use it: imports match rows first.
  constraint products_sku_unique unique (sku) deferrable initially immediate
) with (fillfactor = 85);
grant select on catalog.products to catalog_read, catalog_write, invalidation_worker;
grant insert, update, delete on catalog.products to catalog_write;

-- Names, brands and categories are kept tidy, whoever writes them. The name sorts before track_update, which must see the
-- tidy values. WHEN costs less than a call: hardly any row needs the function.
create function catalog.tidy_product() returns trigger
language plpgsql as $$
begin
  new.name := catalog.tidy(new.name);
  new.brand := catalog.tidy(new.brand);
  new.category := catalog.tidy(new.category);
  return new;
end
$$;
create trigger tidy_product before insert or update of name, brand, category on catalog.products
  for each row when (not (catalog.is_tidy(new.name) and catalog.is_tidy(new.brand) and catalog.is_tidy(new.category)))
  execute function catalog.tidy_product();

call catalog.track_changes('catalog.products', 'product');

-- The SKU index is an entity of its own: sku → id. One SKU can move between rows, and the locks of two rows do not order
-- its versions. So its changes carry the highest version (2^53 - 1): the invalidation is unconditional.
create function catalog.products_skus_inserted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if catalog.change_source() = 'slot' then
    perform catalog.emit_change('sku', i.sku, 9007199254740991) from inserted i;
  else
    insert into catalog.outbox (entity, key, version)
    select 'sku', i.sku, 9007199254740991 from inserted i;
  end if;
  return null;
end
$$;
revoke execute on function catalog.products_skus_inserted() from public;
create trigger skus_inserted after insert on catalog.products
  referencing new table as inserted for each statement execute function catalog.products_skus_inserted();

create function catalog.products_sku_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.record_change('sku', old.sku, 9007199254740991);
  if tg_op = 'UPDATE' then
    perform catalog.record_change('sku', new.sku, 9007199254740991);
  end if;
  return null;
end
$$;
revoke execute on function catalog.products_sku_changed() from public;
create trigger sku_updated after update of sku on catalog.products
  for each row when (old.sku is distinct from new.sku) execute function catalog.products_sku_changed();
create trigger sku_deleted after delete on catalog.products
  for each row execute function catalog.products_sku_changed();

create function catalog.products_skus_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.require_read_committed(tg_table_name);
  perform catalog.record_change('sku', p.sku, 9007199254740991) from only catalog.products p;
  return null;
end
$$;
revoke execute on function catalog.products_skus_truncated() from public;
create trigger skus_truncated before truncate on catalog.products
  for each statement execute function catalog.products_skus_truncated();
