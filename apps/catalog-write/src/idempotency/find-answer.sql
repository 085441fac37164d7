-- $1 subject, $2 key
select request_hash as "requestHash", answer from catalog.idempotency_keys where subject = $1 and key = $2
