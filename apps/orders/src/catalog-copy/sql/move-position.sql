-- Inputs: $1 this process, $2 for how many seconds it stays, $3 cursor, $4 whether the copy has all changes now.
-- Answers round, and hasFinished, whether a reading of all products has ended with this batch. No row: another process writes
-- the copy now, so this batch must not be stored.
update catalog.copy_position p
set cursor = $3, follower_until = clock_timestamp() + make_interval(secs => $2),
  finished_round = case when $4 then p.round else p.finished_round end,
  current_at = case when $4 then clock_timestamp() else p.current_at end
where p.follower = $1
returning new.round, old.finished_round < new.finished_round as "hasFinished"
