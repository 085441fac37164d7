-- $1 categories, $2 brands, $3 states, each null for any; $4 how many values of a facet. Answers values with their number of
-- products, most first. A facet ignores the filter by its own field, and shows the values of that filter in any case.
-- It is not prepared: Postgres plans each call, and knows which inputs are null.
with facet as (
  (select 'brand' as name, c.brand as value, sum(c.products)::bigint as products from catalog.product_counts c
   where c.brand is not null
     and (($1::text[] is null and c.category is null) or c.category = any ($1))
     and ($3::text[] is null or c.status = any ($3))
   group by c.brand having sum(c.products) > 0
   order by coalesce(c.brand = any ($2), false) desc, 3 desc, c.brand collate "C" limit $4)
  union all
  (select 'category', c.category, sum(c.products)::bigint from catalog.product_counts c
   where c.category is not null
     and (($2::text[] is null and c.brand is null) or c.brand = any ($2))
     and ($3::text[] is null or c.status = any ($3))
   group by c.category having sum(c.products) > 0
   order by coalesce(c.category = any ($1), false) desc, 3 desc, c.category collate "C" limit $4)
  union all
  select 'status', c.status, sum(c.products)::bigint from catalog.product_counts c
  where (($1::text[] is null and c.category is null) or c.category = any ($1))
    and (($2::text[] is null and c.brand is null) or c.brand = any ($2))
  group by c.status having sum(c.products) > 0
)
select f.name, f.value, f.products as "count" from facet f order by f.name, f.products desc, f.value collate "C"
