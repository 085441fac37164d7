-- Inputs: $1 id. Answers the import as the API shows it, or no row.
select id, state, mode, dry_run as "dryRun", received, created, updated, unchanged, failed, errors,
  created_at as "startedAt", finished_at as "finishedAt"
from catalog.imports where id = $1
