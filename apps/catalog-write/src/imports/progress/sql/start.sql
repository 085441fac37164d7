-- Inputs: $1 id, $2 caller, $3 mode, $4 on existing, $5 on missing. Answers no row when the id is already used. Dry runs have no row
-- here: the state Redis holds them.
insert into catalog.imports (id, subject, mode, on_existing, on_missing, dry_run) values ($1, $2, $3, $4, $5, false)
on conflict (id) do nothing
returning id
