-- $1 id before which to read or null, $2 user name or null, $3 kind or null, $4 how many. Answers actions, newest first.
select a.id, a.username, a.action, a.target, a.status, a.detail, a.acted_at as "actedAt"
from catalog.console_actions a
where ($1::uuid is null or a.id < $1)
  and ($2::text is null or a.username = $2)
  and ($3::text is null or split_part(a.action, '.', 1) = $3)
order by a.id desc
limit $4
