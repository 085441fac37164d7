-- Answers snapshot, which tells the transactions that have ended; time; and openAfter, a version below all that the open ones
-- have drawn, null if the marks do not reach back so far.
select
  pg_current_snapshot()::text as snapshot,
  clock_timestamp() as time,
  (select m.version from catalog.change_marks m
   where m.transaction_id <= pg_snapshot_xmin(pg_current_snapshot())
   order by m.marked_at desc limit 1) as "openAfter"
