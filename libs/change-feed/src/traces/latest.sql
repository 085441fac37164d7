-- The changes of all keys that were applied last, the last one first, with the time of each step.
-- $1 how many at most
-- Scans the whole outbox, as traces.sql does.
select
  o.seq, o.entity, o.key, o.version, o.changed_at as "changedAt", o.committed_at as "committedAt",
  o.rung_at as "rungAt", o.dispatched_at as "claimedAt", o.queued_at as "queuedAt", o.applied_at as "appliedAt",
  r.refreshed_at as "refreshedAt", o.dispatches
from (
  select *
  from catalog.outbox
  where applied_at is not null
  order by applied_at desc, seq desc
  limit $1
) o
left join catalog.refreshed_changes r on r.seq = o.seq
order by o.applied_at desc, o.seq desc
