-- Locks changes that were applied to other incarnations of shards within the replay window, or set aside. Waits for rows that another
-- worker is replaying, and skips those that it has replayed.
-- Runs after the registration: its snapshot must include the acknowledgements that the registration waited for.
-- $1 the replay window in ms, $2 the incarnations that need no replay, $3 the place of the row after which to begin, $4 how many at
-- most
-- Answer: the place of each row, and its change
select o.ctid::text as place, o.seq, o.transaction_id::text::bigint as transaction, o.entity, o.key, o.version
from catalog.outbox o
where o.ctid > $3::tid
  and o.applied_to <> all ($2::text[])
  and o.applied_at > clock_timestamp() - make_interval(secs => $1::float8 / 1000)
limit $4
for update of o
