-- $1 id, $2 subject, $3 mode. No row when the id is used already. Dry runs have none: they are in Redis.
insert into catalog.imports (id, subject, mode, dry_run) values ($1, $2, $3, false)
on conflict (id) do nothing
returning id
