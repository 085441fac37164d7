-- No inputs. Answers whether there is any user.
select exists (select from catalog.console_users) as found
