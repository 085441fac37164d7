-- $1 ids of products, $2 the most characters of a shown value. Answers the last change of each product that exists and whose
-- history is still kept. A change has the version and the time of the row that it wrote. So Postgres looks into one partition
-- of the history for each product; without the limit, the planner could join all partitions at once.
select
  p.id as "productId", p.sku, p.name, p.currency,
  h.version, h.operation, h.changed_by as "changedBy", h.changed_at as "changedAt",
  array(select jsonb_object_keys(h.new_values)) as fields,
  coalesce((select jsonb_object_agg(key, value) from jsonb_each(h.old_values) where length(value::text) <= $2), '{}') as old,
  coalesce((select jsonb_object_agg(key, value) from jsonb_each(h.new_values) where length(value::text) <= $2), '{}') as new
from catalog.products p
cross join lateral (
  select * from catalog.product_history h
  where h.product_id = p.id and h.version = p.version and h.changed_at = p.updated_at
  limit 1
) h
where p.id = any ($1::uuid[])
