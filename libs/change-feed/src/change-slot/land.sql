-- In the order of the changes: $1 entities, $2 keys, $3 versions, $4 the last 32 bits of the numbers of their transactions, $5 when
-- they were committed, in ms since 1970; $6 the position that is reached, in bytes, or null; $7 when it was written, in seconds
-- since 1970; $8 the incarnation of Postgres; $9 whether the caller dispatches the changes at once
-- Answer: accepted; and of each change seq, transaction, entity, key, version and dispatches
select accepted, seq, transaction, entity, key, version, dispatches
from catalog.land_changes(
  $1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::float8[], $6::numeric, $7::float8, $8::uuid, $9::boolean
)
