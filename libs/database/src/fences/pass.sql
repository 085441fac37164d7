-- Notes a fencing token unless a higher one has been here; waits for a transaction that is noting one.
-- $1 the lock's name  $2 the token. Answer: one row if it may pass
insert into catalog.fences as seen (name, fence) values ($1, $2)
on conflict (name) do update set fence = excluded.fence where seen.fence <= excluded.fence
returning fence
