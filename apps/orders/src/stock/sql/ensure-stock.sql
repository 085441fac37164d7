-- $1 SKUs, sorted. Each has a row afterwards.
insert into catalog.stock (sku) select unnest($1::text[]) on conflict (sku) do nothing
