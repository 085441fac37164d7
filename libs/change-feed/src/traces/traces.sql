-- The recent changes of one key, the newest first, with the time of each step.
-- $1 entity, $2 key, $3 how many at most
-- Scans the whole outbox. An index would slow down every write, and only people ask this.
select
  o.seq, o.entity, o.key, o.version, o.changed_at as "changedAt", o.committed_at as "committedAt",
  o.rung_at as "rungAt", o.dispatched_at as "claimedAt", o.queued_at as "queuedAt", o.applied_at as "appliedAt",
  r.refreshed_at as "refreshedAt", o.dispatches
from catalog.outbox o
left join catalog.refreshed_changes r on r.seq = o.seq
where o.entity = $1 and o.key = $2
order by o.changed_at desc, o.seq desc
limit $3
