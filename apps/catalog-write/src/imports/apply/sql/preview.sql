-- Answers how many products an import would create and update. Writes and locks nothing.
select
  count(*) filter (where p.id is null) as created,
  count(*) filter (where p.id is not null and
    :changed) as updated
from pg_temp.import_rows r left join catalog.products p on p.sku = r.sku
