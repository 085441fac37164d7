-- $1 … $4 how long tombstones, idempotency keys, imports and console actions are kept, in seconds; $5 at most how many of each.
-- Answers how many of each were deleted.
select tombstones, idempotency_keys as "idempotencyKeys", imports, actions
from catalog.delete_expired(
  make_interval(secs => $1), make_interval(secs => $2), make_interval(secs => $3), make_interval(secs => $4), $5)
