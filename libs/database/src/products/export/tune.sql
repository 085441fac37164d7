-- For one transaction. Inputs: $1 how long the first rows may take, $2 how long the client may take for rows that were read.
-- The plan is for all rows, not for the first tenth.
select set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true),
  set_config('cursor_tuple_fraction', '1', true)
