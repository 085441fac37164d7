-- $1 name of the lock, $2 fencing token. Stores the token unless a higher one is there. Waits for a transaction that is
-- storing one. Answers one row if the token may pass.
insert into catalog.fences as seen (name, fence) values ($1, $2)
on conflict (name) do update set fence = excluded.fence where seen.fence <= excluded.fence
returning fence
