-- $1 operation, $2 subject, $3 key
select request_hash as "requestHash", answer from catalog.idempotency_keys
where operation = $1 and subject = $2 and key = $3
