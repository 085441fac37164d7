-- Locks the rows that differ from the file, in the order of their SKUs, so that imports of the same SKUs wait for each
-- other instead of deadlocking. Does not touch the other rows. Answers how many rows are locked.
select count(*) as locked
from (
  select p.id
  from catalog.products p join pg_temp.import_rows r on r.sku = p.sku
  where
    :changed
  order by p.sku
  for no key update of p
) as changed
