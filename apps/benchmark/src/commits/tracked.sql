-- The change feed as every tracked table has it, without the history that products keep besides.
create table catalog.tracked (like catalog.products including all) with (fillfactor = 85);
call catalog.track_changes('catalog.tracked', 'product');

-- The same rows in each table; how_many of them.
create function catalog.fill(shape text, how_many integer) returns void language plpgsql as $$
begin
  execute format('insert into catalog.%I (sku, name, description, brand, category, price_minor, currency, version, updated_at)
    select ''S-'' || n, ''Product '' || n, repeat(''x'', 200), ''Brand '' || n %% 500, ''category-'' || n %% 50, 100, ''EUR'', 0, now()
    from generate_series(1, $1) n', shape) using how_many;
end
$$;
