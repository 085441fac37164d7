-- Inputs: $1 product ids, sorted. Makes sure that each has a row.
insert into catalog.stock (product_id) select unnest($1::uuid[]) on conflict (product_id) do nothing
