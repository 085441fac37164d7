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
  (select 'brand' as name, c.brand as value, sum(c.products)::bigint as products from counted c
   where c.of_category and c.of_status group by c.brand
   order by coalesce(c.brand = any ($2), false) desc, 3 desc, c.brand collate "C" limit $4)
  union all
  (select 'category', c.category, sum(c.products)::bigint from counted c
   where c.of_brand and c.of_status group by c.category
   order by coalesce(c.category = any ($1), false) desc, 3 desc, c.category collate "C" limit $4)
  union all
  select 'status', c.status, sum(c.products)::bigint from counted c where c.of_brand and c.of_category group by c.status
)
select f.name, f.value, f.products as "count" from facet f order by f.name, f.products desc, f.value collate "C"
