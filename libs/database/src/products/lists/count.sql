-- $1 categories, $2 brands, $3 states, each null for any. Answers how many products there are.
select coalesce(sum(c.products), 0)::bigint as "products" from catalog.product_counts c
where (($1::text[] is null and c.category is null) or c.category = any ($1))
  and (($2::text[] is null and c.brand is null) or c.brand = any ($2))
  and ($3::text[] is null or c.status = any ($3))
