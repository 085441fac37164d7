-- What is set aside, for people.
-- $1 how many keys to name at most
select
  count(*) filter (where slot is null) as count,
  count(slot) as away,
  (select coalesce(array_agg(cache_key), '{}') from (
    select cache_key from catalog.set_aside_keys where slot is null order by set_aside_at limit $1
  ) as oldest) as keys,
  (select reason from catalog.set_aside_keys where slot is null order by set_aside_at limit 1) as reason
from catalog.set_aside_keys
