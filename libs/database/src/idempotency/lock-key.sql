-- $1 operation, $2 subject, $3 key. Takes a lock until the transaction ends. Answers held: false if another transaction
-- runs under the same key.
select catalog.lock_idempotency_key($1, $2, $3) as held
