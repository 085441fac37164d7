-- $1 … $3 how long tombstones, idempotency keys and imports are kept, in seconds; $4 at most how many of each.
-- Answers how many of each were deleted.
select tombstones, idempotency_keys as "idempotencyKeys", imports
from catalog.delete_expired(
  make_interval(secs => $1), make_interval(secs => $2), make_interval(secs => $3), $4)
