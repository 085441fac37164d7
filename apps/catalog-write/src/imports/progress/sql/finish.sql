-- Writes the result. Inputs: $1 id, $2 state, $3 received, $4 created, $5 updated, $6 unchanged, $7 failed, $8 errors,
-- $9 skipped.
-- Answers the import as the API shows it.
update catalog.imports
set state = $2::text, received = $3, created = $4::bigint, updated = $5::bigint, unchanged = $6, failed = $7, errors = $8, skipped = $9,
  transaction_id = case when $2::text = 'succeeded' and $4::bigint + $5::bigint > 0 then pg_current_xact_id() end,
  heartbeat_at = clock_timestamp(), finished_at = clock_timestamp()
where id = $1
returning id, state, mode, on_existing as "onExisting", on_missing as "onMissing", dry_run as "dryRun", received, created, updated,
  unchanged, skipped, failed, errors, null as changes, transaction_id::text::bigint as transaction,
  created_at as "startedAt", finished_at as "finishedAt"
