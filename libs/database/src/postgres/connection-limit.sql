-- How many connections the role of this session may have at once; -1 without a limit.
select rolname as role, rolconnlimit as limit
from pg_catalog.pg_roles
where rolname = current_user
