-- $1 id, $2 subject, $3 mode, $4 dry run. No row when the id is used already.
insert into catalog.imports (id, subject, mode, dry_run) values ($1, $2, $3, $4)
on conflict (id) do nothing
returning id
