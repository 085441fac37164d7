-- No inputs. Answers whether there are any users.
select exists (select from catalog.console_users) as found
