-- Inputs: $1 id. Answers the import as the API shows it, or no row.
select id, state, mode, on_existing as "onExisting", on_missing as "onMissing", dry_run as "dryRun", received, created, updated,
  unchanged, skipped, failed, errors, null as changes, transaction_id::text::bigint as transaction,
  created_at as "startedAt", finished_at as "finishedAt"
from catalog.imports where id = $1
