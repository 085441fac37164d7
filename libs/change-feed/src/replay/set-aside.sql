-- Sets keys aside that Redis refuses during a replay. Their changes count as applied all the time.
-- A row that says so already stays in its place. Otherwise the pass would meet it again and again.
-- $1 the places of the rows; of each key $2 its Redis key, $3 its entity, $4 its highest version, $5 the reason
with accounted as (
  update catalog.outbox set applied_to = 'set aside' where ctid = any ($1::tid[]) and applied_to <> 'set aside'
)
insert into catalog.set_aside_keys as known (cache_key, entity, version, reason)
select cache_key, entity, version, reason
from unnest($2::text[], $3::text[], $4::bigint[], $5::text[]) as refused (cache_key, entity, version, reason)
-- All callers lock rows in the same order, so that two of them cannot deadlock.
order by cache_key
on conflict (cache_key) do update set
  version = greatest(known.version, excluded.version),
  reason = excluded.reason,
  slot = null,
  changes = known.changes + 1
