-- Takes the records out of the import that may not create or change a product. Inputs: $1 what happens to a SKU that has a
-- product (update, skip or fail), $2 what happens to one without (create, skip or fail), $3 how many refused records to list.
-- Answers how many were skipped and how many refused, and for each listed one its line, code, SKU and missing fields.
with judged as (
  select r.line,
    case
      when p.id is not null then case $1::text when 'skip' then 'skipped' when 'fail' then 'sku_exists' end
      when $2::text = 'skip' then 'skipped'
      when $2::text = 'fail' then 'sku_missing'
      when num_nulls(r.name, r.brand, r.category, r.price_minor, r.currency) > 0 then 'required'
    end as verdict
  from pg_temp.import_rows r left join catalog.products p on p.sku = r.sku
),
dropped as (
  delete from pg_temp.import_rows r using judged j
  where r.line = j.line and j.verdict is not null
  returning r.*, j.verdict
)
select
  count(*) filter (where verdict = 'skipped') over () as skipped,
  count(*) filter (where verdict <> 'skipped') over () as refused,
  line, verdict as code, sku,
  array_remove(array[
    case when name is null then 'name' end, case when brand is null then 'brand' end,
    case when category is null then 'category' end, case when price_minor is null then 'priceMinor' end,
    case when currency is null then 'currency' end], null) as missing
from dropped
order by verdict = 'skipped', line
limit $3
