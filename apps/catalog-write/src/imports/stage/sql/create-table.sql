-- The valid records of one import. A temporary table writes no WAL, and Postgres drops it with the connection, even
-- when the process dies. A field that its record leaves out is null. "given" tells it from a field that the record sets to
-- null: 1 gtin, 2 weight, 4 length, 8 width, 16 height.
create temporary table import_rows (
  line bigint not null,
  given integer not null,
  sku text collate "C" not null,
  name text,
  description text,
  brand text,
  category text,
  gtin text,
  weight_grams integer,
  length_mm integer,
  width_mm integer,
  height_mm integer,
  price_minor bigint,
  currency text,
  status text,
  attributes jsonb
) on commit preserve rows
