-- As facets.sql, for a filter that product_counts knows nothing about: counts the products themselves, or those of a sample.
-- lists/facets.ts puts fixed text in the place of the marks. :weight is how many products a row stands for.
with counted as materialized (
  select s.brand, s.category, s.status, sum(s.products) as products,
    $1::text[] is null or s.category = any ($1) as of_category,
    $2::text[] is null or s.brand = any ($2) as of_brand,
    $3::text[] is null or s.status = any ($3) as of_status
  from (select p.brand, p.category, p.status, :weight as products from :tables where :conditions) as s
  group by s.brand, s.category, s.status
), facet as (
  select 'brand' as name, brand as value, sum(products) as products from counted
  where of_category and of_status group by brand
  union all
  select 'category', category, sum(products) from counted where of_brand and of_status group by category
  union all
  select 'status', status, sum(products) from counted where of_brand and of_category group by status
), ranked as (
  select f.*, row_number() over (partition by f.name order by f.products desc, f.value collate "C") as place
  from facet f
)
select r.name, r.value, r.products::bigint as "count" from ranked r
where r.place <= $4 or r.value = any (case r.name when 'brand' then $2::text[] when 'category' then $1::text[] end)
order by r.name, r.place
