-- What is set aside, for people.
-- $1 how many keys to name at most
select
  count(*) as count,
  (select coalesce(array_agg(cache_key), '{}') from (
    select cache_key from catalog.set_aside_keys order by set_aside_at limit $1
  ) as oldest) as keys,
  (select reason from catalog.set_aside_keys order by set_aside_at limit 1) as reason
from catalog.set_aside_keys
