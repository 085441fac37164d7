-- $1 role, $2 names of settings, $3 their values. Answers the statements that give them to the role in this database.
select string_agg(format('alter role %I in database %I set %I = %L', $1::text, current_database(), name, value), '; ') as statement
from unnest($2::text[], $3::text[]) as settings (name, value)
