-- $1 ids. Answers one row for each: key, "absentVersion" (0 if there is no such user, else null), and the columns of the
-- profile.
select wanted.key::text as key, case when u.id is null then 0 end as "absentVersion",
  u.id, u.username, u.role, u.password_changed_at as "passwordChangedAt"
from unnest((select $1::uuid[])) as wanted (key)
left join catalog.console_users u on u.id = wanted.key
