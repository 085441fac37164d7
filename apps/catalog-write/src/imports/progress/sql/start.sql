-- Inputs: $1 id, $2 caller, $3 mode. Answers no row when the id is already used. Dry runs have no row here: the state
-- Redis holds them.
insert into catalog.imports (id, subject, mode, dry_run) values ($1, $2, $3, false)
on conflict (id) do nothing
returning id
