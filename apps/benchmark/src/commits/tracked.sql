-- A tracked table with the change feed, but without the product history.
create table catalog.tracked (like catalog.products including all) with (fillfactor = 85);
-- track_changes creates a function for the entity. Products have one already, so that one gets another name first.
alter function catalog.track_update_of_product() rename to track_update_of_catalog_product;
call catalog.track_changes('catalog.tracked', 'product');

-- Inserts the same rows into each table; how_many is their number.
create function catalog.fill(shape text, how_many integer) returns void language plpgsql as $$
begin
  execute format('insert into catalog.%I (sku, name, description, brand, category, price_minor, currency, version, updated_at)
    select ''S-'' || n, ''Product '' || n, repeat(''x'', 200), ''Brand '' || n %% 500, ''category-'' || n %% 50, 100, ''EUR'', 0, now()
    from generate_series(1, $1) n', shape) using how_many;
end
$$;
