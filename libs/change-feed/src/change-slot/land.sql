-- Writes changes of the slot into the outbox, and notes the position that they reach. Does nothing if the incarnation of Postgres
-- has changed: then the changes come from another server.
-- In the order of the changes: $1 entities, $2 keys, $3 versions, $4 the last 32 bits of the numbers of their transactions, $5 when
-- they were committed, in ms since 1970; $6 the position that is reached, in bytes, or null; $7 when it was written, in seconds
-- since 1970; $8 the incarnation of Postgres; $9 whether the caller dispatches the changes at once
-- Answer: accepted; and of each change seq, transaction, entity, key, version and dispatches
-- The number of a transaction is not above that of this one, which is later.
with current as materialized (
  select pg_current_xact_id()::text::bigint as id
  where exists (select from catalog.database_incarnation where incarnation = $8::uuid)
), moved as (
  update catalog.change_slot
  set landed = greatest(landed, '0/0'::pg_lsn + $6::numeric), landed_at = to_timestamp($7::float8)
  where $6::numeric is not null and landed is not null and exists (select from current)
), landed as (
  insert into catalog.outbox (entity, key, version, changed_at, committed_at, made_by, rang, dispatched_at, dispatches)
  select
    c.entity, c.key, c.version, to_timestamp(c.committed_ms / 1000), to_timestamp(c.committed_ms / 1000),
    (t.made_by - case when t.made_by > current.id then 4294967296 else 0 end)::text::xid8,
    false,
    case when $9::boolean then clock_timestamp() end,
    case when $9::boolean then 1 else 0 end
  from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::float8[]) as c (entity, key, version, xid, committed_ms)
  cross join current
  cross join lateral (select (current.id >> 32 << 32) + c.xid as made_by) as t
  returning seq, transaction_id::text::bigint as transaction, entity, key, version, dispatches
)
select exists (select from current) as accepted, landed.*
from (values (0)) as always
left join landed on true
