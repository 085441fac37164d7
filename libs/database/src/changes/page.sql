-- $1 version behind which to search, $2 and $3 the times between which the changes are, $4 how many rows to search at most,
-- $5 snapshot of what the follower has seen, $6 its time, $7 snapshot of what it may see now, $8 how many changes at most.
-- Answers the changes that are in $7 and not in $5, by version. With each of them, or alone if there is none: searched, how many
-- rows were searched, and last, the version of the last of them.
-- $6: a crash of Postgres may give the number of a transaction that was rolled back to another one, whose changes are later.
with searched as materialized (
  select h.*
  from catalog.product_history h
  where h.version > $1 and h.changed_at >= $2::timestamptz and h.changed_at < $3::timestamptz
  order by h.version
  limit $4
), unseen as (
  select s.*
  from searched s
  where pg_visible_in_snapshot(s.transaction_id, $7::pg_snapshot)
    and (not pg_visible_in_snapshot(s.transaction_id, $5::pg_snapshot) or s.changed_at > $6::timestamptz)
  order by s.version
  limit $8
)
select
  counted.searched, counted.last,
  u.product_id as id, u.version, u.operation, u.changed_by as "changedBy", u.changed_at as "changedAt",
  case u.operation when 'update' then array(select jsonb_object_keys(u.new_values)) else '{}' end as "changedFields"
from (select count(*) as searched, max(version) as last from searched) counted
left join unseen u on true
order by u.version
