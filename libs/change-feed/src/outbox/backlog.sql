-- How much is waiting in the outbox, for metrics. Ages are in ms.
-- $1 the horizon of an earlier look, or null
select
  count(*) as unapplied,
  coalesce(extract(epoch from clock_timestamp() - min(o.changed_at)) * 1000, 0)::float8 as oldest_ms,
  coalesce(max(o.dispatches), 0) as most_dispatches,
  pg_notification_queue_usage() as notification_queue_usage
from catalog.outbox_ranges($1::text::catalog.outbox_horizon) as searched
join catalog.outbox o
  on o.applied_at is null
  and (o.transaction_id, o.seq) > (searched.above, searched.above_seq) and o.transaction_id < searched.below
