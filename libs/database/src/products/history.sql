-- $1 id of the product, $2 version before which to read or null, $3 how many. Answers its changes, newest first, with the
-- changed fields of each as two JSON objects. A create stores no values: the value of a field was the old value of its
-- first later change, or is the current one if there was no change.
select
  h.version, h.operation, h.changed_by as "changedBy", h.changed_at as "changedAt",
  coalesce(h.old_values, '{}') as old,
  case when h.operation = 'create' then
    coalesce((select catalog.product_fields(p) from catalog.products p where p.id = $1), '{}')
    || coalesce((
      select jsonb_object_agg(first_later.key, first_later.value)
      from (
        select distinct on (field.key) field.key, field.value
        from catalog.product_history later, jsonb_each(later.old_values) field
        where later.product_id = $1 and later.version > h.version
        order by field.key, later.version
      ) first_later
    ), '{}')
  else coalesce(h.new_values, '{}') end as new
from catalog.product_history h
where h.product_id = $1 and ($2::bigint is null or h.version < $2)
order by h.version desc
limit $3
