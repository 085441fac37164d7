-- $1 name of a queue. Answers who paused it and when, if the last pause or resume that succeeded was a pause.
select last.username, last.acted_at as "actedAt"
from (
  select a.username, a.action, a.acted_at
  from catalog.console_actions a
  where a.action in ('queue.pause', 'queue.resume')
    and a.target in ($1, 'all queues')
    and a.status < 300
  order by a.id desc
  limit 1
) last
where last.action = 'queue.pause'
