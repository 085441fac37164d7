-- $1 id of the product, $2 version before which to read or null, $3 how many. Answers its changes, newest first, with the
-- changed fields of each as two JSON objects. A create stores no values: the value of a field was the old value of its
-- first later change, or is the current one if there was no change.
-- Somebody may have changed the product a million times, or have stored large values that Postgres has to unpack. So a create reads
-- its first 5,000 later changes, of which a large one counts as several. If there are more, it has only the fields that these changed.
select
  h.version, h.operation, h.changed_by as "changedBy", h.changed_at as "changedAt",
  coalesce(h.old_values, '{}') as old,
  case when h.operation = 'create' then (
    with later as materialized (
      select
        l.version, l.old_values,
        sum(case when pg_column_compression(l.old_values) is null then 1 + pg_column_size(l.old_values) / 4096 else 20 end)
          over (order by l.version) as cost
      from (
        select version, old_values from catalog.product_history
        where product_id = $1 and version > h.version and old_values is not null
        order by version limit 5001
      ) as l
    )
    select
      case when coalesce((select max(cost) from later), 0) > 5000 then '{}'
        else coalesce((select catalog.product_fields(p) from catalog.products p where p.id = $1), '{}') end
      || coalesce((
        select jsonb_object_agg(first_later.key, first_later.value)
        from (
          select distinct on (field.key) field.key, field.value
          from later, jsonb_each(later.old_values) field
          where later.cost <= 5000
          order by field.key, later.version
        ) first_later
      ), '{}')
  ) else coalesce(h.new_values, '{}') end as new
from catalog.product_history h
where h.product_id = $1 and ($2::bigint is null or h.version < $2)
order by h.version desc
limit $3
