-- $1 … $4 how long history, tombstones, idempotency keys and imports are kept, in seconds; $5 at most how many of each.
-- Answers how many of each were deleted.
select history, tombstones, idempotency_keys as "idempotencyKeys", imports
from catalog.delete_expired(
  make_interval(secs => $1), make_interval(secs => $2), make_interval(secs => $3), make_interval(secs => $4), $5)
