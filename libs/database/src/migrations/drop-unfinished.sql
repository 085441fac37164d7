-- $1 name of an index with its schema. Answers the statement that drops it; no row unless the index is invalid.
select format('drop index concurrently %s', indexrelid::regclass) as statement
from pg_catalog.pg_index
where indexrelid = to_regclass($1) and not indisvalid
