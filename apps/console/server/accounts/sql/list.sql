-- No inputs. Answers every user: username, role, created_at.
select username, role, created_at from catalog.console_users order by username
