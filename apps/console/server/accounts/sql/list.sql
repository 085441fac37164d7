-- No inputs. Answers every user: id, username, role, "createdAt", "passwordChangedAt", and "lastActedAt", when the user last
-- signed in or changed something; null if the audit log has nothing about this user.
select u.id, u.username, u.role, u.created_at as "createdAt", u.password_changed_at as "passwordChangedAt", (
  select a.acted_at from catalog.console_actions a
  where a.username = u.username and a.acted_at >= u.created_at
  order by a.id desc
  limit 1
) as "lastActedAt"
from catalog.console_users u
order by u.username
