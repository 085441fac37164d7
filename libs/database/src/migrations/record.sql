-- $1 id, $2 name, $3 checksum of a migration. No answer. Runs inside the transaction of the migration.
insert into catalog.migrations (id, name, checksum) values ($1, $2, $3)
