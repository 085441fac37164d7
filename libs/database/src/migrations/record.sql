-- $1 id, $2 name, $3 checksum of a migration, inside its transaction. No answer.
insert into catalog.migrations (id, name, checksum) values ($1, $2, $3)
