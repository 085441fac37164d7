-- $1 operation, $2 subject, $3 key. Answers held: whether nobody else's transaction runs under the same key. Until the
-- end of the transaction.
select pg_try_advisory_xact_lock(hashtextextended($1 || chr(31) || $2 || chr(31) || $3, 7236003)) as held
