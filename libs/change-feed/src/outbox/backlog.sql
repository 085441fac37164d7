-- How much is waiting in the outbox, for metrics. Ages are in ms.
select
  count(*) as unapplied,
  coalesce(extract(epoch from clock_timestamp() - min(changed_at)) * 1000, 0)::float8 as oldest_ms,
  coalesce(max(dispatches), 0) as most_dispatches,
  pg_notification_queue_usage() as notification_queue_usage
from catalog.outbox
where applied_at is null
