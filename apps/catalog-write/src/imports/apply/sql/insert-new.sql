-- Inserts the missing products in the order of the file. ON CONFLICT cannot be used: the constraint on the SKU is
-- deferrable. If another transaction inserted the same SKU after this statement began, it fails with a unique violation
-- (23505), and the caller tries the transaction again. A record without a required field had a product when refuse.sql looked;
-- that product was deleted meanwhile, and stays deleted. Answers how many rows were inserted, and their lowest version.
with inserted as (
  insert into catalog.products (
    sku, name, description, brand, category, gtin, weight_grams, length_mm, width_mm, height_mm,
    price_minor, currency, status, attributes)
  select
    r.sku, r.name, coalesce(r.description, ''), r.brand, r.category, r.gtin, r.weight_grams, r.length_mm, r.width_mm,
    r.height_mm, r.price_minor, r.currency, coalesce(r.status, 'draft'), coalesce(r.attributes, '{}')
  from pg_temp.import_rows r
  where not exists (select from catalog.products p where p.sku = r.sku)
    and num_nulls(r.name, r.brand, r.category, r.price_minor, r.currency) = 0
  order by r.line
  returning version
)
select count(*) as rows, min(version) as "lowestVersion" from inserted
