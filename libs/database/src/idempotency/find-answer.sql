-- $1 operation, $2 subject, $3 key. Answers "requestHash" and answer; no row if there is none.
select request_hash as "requestHash", answer from catalog.idempotency_keys
where operation = $1 and subject = $2 and key = $3
