-- Functions of checks and indexes have bodies of standard SQL: Postgres binds every name in them here and now, so that
-- no caller's search_path can put something else there, and can inline them.

-- GS1 check digit: from the right, digits weigh 1, 3, 1, …; the sum is a multiple of ten. Missing digits in
-- front weigh nothing.
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

-- At most 100 strings, numbers and booleans, on one level, under names as the contract has them.
create function catalog.is_flat(attributes jsonb) returns boolean
language sql immutable parallel safe
begin atomic
  select jsonb_typeof(attributes) = 'object'
    and not jsonb_path_exists(attributes, '$.keyvalue() ? (
      @.value.type() == "object" || @.value.type() == "array" || @.value.type() == "null"
      || @.key == "constructor" || !(@.key like_regex "^[A-Za-z][A-Za-z0-9_.-]{0,63}$"))')
    and not jsonb_path_exists(jsonb_path_query_array(attributes, '$.*'), '$[100]');
end;

-- The words of a text: runs of letters and digits, in lower case. Not Postgres' own parser: it takes "HS110/HS100" for
-- a path and "-12" for a number, so that what a person types of an SKU would not find it. One fixed collation, so
-- that the index means the same on every server.
create function catalog.search_words(searched text) returns text[]
language sql immutable parallel safe
begin atomic
  select string_to_array(
    btrim(regexp_replace(lower(searched collate "pg_c_utf8"), '[^[:alnum:]]+', ' ', 'g')), ' ');
end;

create function catalog.search_vector(name text, brand text, sku text) returns tsvector
language sql immutable parallel safe
begin atomic
  select array_to_tsvector(catalog.search_words(name || ' ' || brand || ' ' || sku));
end;

-- All the words, the last one as the start of a word. Null for a text without a word, which matches nothing.
create function catalog.search_query(searched text) returns tsquery
language sql immutable parallel safe
begin atomic
  select (string_agg(quote_literal(word), ' & ' order by position) || ':*')::tsquery
  from unnest(catalog.search_words(searched)) with ordinality as words (word, position);
end;

create table catalog.products (
  id uuid primary key default uuidv7(),
  sku text collate "C" not null
    constraint products_sku_format check (length(sku) <= 64 and sku ~ '^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$'),
  name text not null constraint products_name_length check (length(name) between 1 and 300 and name ~ '\S'),
  description text not null default '' constraint products_description_length check (length(description) <= 10000),
  brand text not null constraint products_brand_length check (length(brand) between 1 and 200 and brand ~ '\S'),
  category text not null
    constraint products_category_length check (length(category) between 1 and 200 and category ~ '\S'),
  gtin text constraint products_gtin_check_digit check (catalog.is_valid_gtin(gtin)),
  weight_grams integer constraint products_weight_grams_range check (weight_grams >= 0),
  length_mm integer constraint products_length_mm_range check (length_mm between 1 and 100000),
  width_mm integer constraint products_width_mm_range check (width_mm between 1 and 100000),
  height_mm integer constraint products_height_mm_range check (height_mm between 1 and 100000),
  price_minor bigint not null
    constraint products_price_minor_range check (price_minor between 0 and 9007199254740991),
  currency text not null constraint products_currency_format check (currency ~ '^[A-Z]{3}$'),
  status text not null default 'draft'
    constraint products_status_known check (status in ('draft', 'active', 'archived')),
  attributes jsonb not null default '{}' constraint products_attributes_flat check (catalog.is_flat(attributes)),
  version bigint not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null,
  -- Deferrable, so that one statement can swap two SKUs. ON CONFLICT cannot use it: imports match rows first.
  constraint products_sku_unique unique (sku) deferrable initially immediate
) with (fillfactor = 85);

-- One index for each filter that a list can have, in the order of its pages.
create index products_by_status on catalog.products (status, id);
create index products_by_category on catalog.products (category, status, id);
create index products_by_brand on catalog.products (brand, status, id);
create index products_search on catalog.products
  using gin (catalog.search_vector(name, brand, sku)) with (fastupdate = on);

call catalog.track_changes('catalog.products', 'product');

-- The SKU index is an entity of its own: sku → id. Two rows' locks do not order the versions of one SKU, so its
-- changes carry the version above all (2^53 - 1): the invalidation spares nothing.
create function catalog.products_sku_changed() returns trigger
language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    insert into catalog.outbox (entity, key, version) values ('sku', old.sku, 9007199254740991);
  end if;
  if tg_op <> 'DELETE' then
    insert into catalog.outbox (entity, key, version) values ('sku', new.sku, 9007199254740991);
  end if;
  return null;
end
$$;
create trigger sku_inserted_or_deleted after insert or delete on catalog.products
  for each row execute function catalog.products_sku_changed();
create trigger sku_updated after update of sku on catalog.products
  for each row when (old.sku is distinct from new.sku) execute function catalog.products_sku_changed();

create function catalog.products_skus_truncated() returns trigger
language plpgsql as $$
begin
  insert into catalog.outbox (entity, key, version)
  select 'sku', sku, 9007199254740991 from only catalog.products;
  return null;
end
$$;
create trigger skus_truncated before truncate on catalog.products
  for each statement execute function catalog.products_skus_truncated();

grant select on catalog.products to catalog_read, catalog_write, invalidation_worker;
grant insert, update, delete on catalog.products to catalog_write;
