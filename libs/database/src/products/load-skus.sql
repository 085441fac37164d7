-- $1 SKUs. Answers one row for each: key, "absentVersion" (0 if no product has the SKU, else null), and the id of its product.
select wanted.key, case when p.id is null then 0 end as "absentVersion", p.id
from unnest((select $1::text[])) as wanted (key)
left join catalog.products p on p.sku = wanted.key
