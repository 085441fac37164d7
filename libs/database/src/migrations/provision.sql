-- $1 role, $2 password, $3 the roles that may read the change slot. Answers the statement that lets the role sign in; no row if the
-- role does not exist.
--
-- Each service gets a share of max_connections, so that one at its limit leaves the others theirs. The shares add up to 90 %:
-- the rest is for migrations and operators. infra/checks/connections.test.ts compares them with the pools of the services.
with share (service, percent) as (
  values
    ('catalog_read', 33),
    ('catalog_write', 20),
    ('invalidation_worker', 20),
    ('orders', 12),
    ('console', 5)
)
select
  format(
    'alter role %I login password %L connection limit %s%s',
    rolname,
    $2::text,
    coalesce(current_setting('max_connections')::int * percent / 100, -1),
    case when rolname = any ($3::text[]) then ' replication' end
  ) as statement
from pg_catalog.pg_roles
left join share on service = rolname
where rolname = $1
