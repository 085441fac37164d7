-- $1 operation, $2 subject, $3 key. Takes a lock until the transaction ends. Answers held: false if another transaction
-- runs under the same key.
select pg_try_advisory_xact_lock(hashtextextended($1 || chr(31) || $2 || chr(31) || $3, 7236003)) as held
