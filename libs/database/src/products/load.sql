-- $1 ids. Answers one row for each id: key, "absentVersion" (null beside a product; else that of the tombstone, or that of
-- the newest one that was deleted by age, or 0), and the columns of a product (null where there is none). One statement is
-- one snapshot: an id is never seen between its product and its tombstone. The array is read in a subselect, so that a plan made for any number of ids
-- costs no more than one made for these: else each call is planned anew, which takes twice as long as the read.
select wanted.key::text as key,
  case when p.id is null then coalesce(
    t.version, (select purged.version from catalog.purged_tombstones purged where purged.entity = 'product'), 0)
  end as "absentVersion",
  p.id, p.sku, p.name, p.description, p.brand, p.category, p.gtin, p.weight_grams as "weightGrams",
  p.length_mm as "lengthMm", p.width_mm as "widthMm", p.height_mm as "heightMm", p.price_minor as "priceMinor",
  p.currency, p.status, p.attributes, p.version, p.created_at as "createdAt", p.updated_at as "updatedAt"
from unnest((select $1::uuid[])) as wanted (key)
left join catalog.products p on p.id = wanted.key
left join catalog.tombstones t on t.entity = 'product' and t.key = wanted.key::text and p.id is null
