-- $1 role, $2 password. Answers the statement that lets the role sign in; no row if the role does not exist.
select format('alter role %I login password %L', rolname, $2::text) as statement
from pg_catalog.pg_roles
where rolname = $1
