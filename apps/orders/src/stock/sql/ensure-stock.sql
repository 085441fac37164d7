-- Inputs: $1 SKUs, sorted. Makes sure that each has a row.
insert into catalog.stock (sku) select unnest($1::text[]) on conflict (sku) do nothing
