-- $1 ids. Answers one row for each id: key, "absentVersion" and the columns of the product, which are null if there is none.
-- "absentVersion" is null beside a product. Otherwise it is the version of the tombstone, or the highest version of the
-- tombstones that retention has deleted, or 0.
-- One statement is one snapshot: it never sees an id between its product and its tombstone. The subselect hides the length
-- of the array from the planner, so that the generic plan never costs more than a custom one. Otherwise Postgres plans each
-- call, which takes twice as long as the read.
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
