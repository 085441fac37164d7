-- What became of the changes of one transaction. An applied change is kept for the replay window.
-- $1 the number of the transaction
-- Answer: unapplied, how many changes wait; changes, how many are applied; keys, how many invalidations these needed: several
-- changes of one key need one; committedAt, null unless Postgres runs with track_commit_timestamp; appliedAt, when the last was
-- applied
-- Scans the whole outbox. An index would slow down every write, and only people ask this.
with of_key as (
  select
    count(*) filter (where applied_at is null) as unapplied, count(applied_at) as applied,
    max(committed_at) as committed_at, max(applied_at) as applied_at
  from catalog.outbox
  where coalesce(made_by, transaction_id) = $1::text::xid8
  group by entity, key
)
select
  coalesce(sum(unapplied), 0)::bigint as unapplied, coalesce(sum(applied), 0)::bigint as changes,
  count(*) filter (where applied > 0) as keys, max(committed_at) as "committedAt", max(applied_at) as "appliedAt"
from of_key
