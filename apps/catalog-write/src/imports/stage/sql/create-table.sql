-- The valid records of one import. A temporary table writes no WAL, and Postgres drops it with the connection, even
-- when the process dies.
create temporary table import_rows (
  line bigint not null,
  sku text collate "C" not null,
  name text not null,
  description text not null,
  brand text not null,
  category text not null,
  gtin text,
  weight_grams integer,
  length_mm integer,
  width_mm integer,
  height_mm integer,
  price_minor bigint not null,
  currency text not null,
  status text not null,
  attributes jsonb not null
) on commit preserve rows
