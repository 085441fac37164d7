-- $1 categories, $2 brands, $3 states, each null for any; $4 how many values of a facet. Answers values with their number of
-- products, most first. A facet ignores the filter by its own field, and shows the values of that filter in any case.
-- It is not prepared: Postgres plans each call, and knows which inputs are null.
with facet as (
  select 'brand' as name, c.brand as value, sum(c.products) as products from catalog.product_counts c
  where c.brand is not null
    and (($1::text[] is null and c.category is null) or c.category = any ($1))
    and ($3::text[] is null or c.status = any ($3))
  group by c.brand
  union all
  select 'category', c.category, sum(c.products) from catalog.product_counts c
  where c.category is not null
    and (($2::text[] is null and c.brand is null) or c.brand = any ($2))
    and ($3::text[] is null or c.status = any ($3))
  group by c.category
  union all
  select 'status', c.status, sum(c.products) from catalog.product_counts c
  where (($1::text[] is null and c.category is null) or c.category = any ($1))
    and (($2::text[] is null and c.brand is null) or c.brand = any ($2))
  group by c.status
), ranked as (
  select f.*, row_number() over (partition by f.name order by f.products desc, f.value collate "C") as place
  from facet f where f.products > 0
)
select r.name, r.value, r.products::bigint as "count" from ranked r
where r.place <= $4 or r.value = any (case r.name when 'brand' then $2::text[] when 'category' then $1::text[] end)
order by r.name, r.place
