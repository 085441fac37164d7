-- Input: the text format of COPY, one line per row as copyLine() writes it.
copy pg_temp.import_rows (
  line, given, sku, name, description, brand, category, gtin, weight_grams, length_mm, width_mm, height_mm,
  price_minor, currency, status, attributes
) from stdin
