-- $1 operation, $2 subject, $3 key, $4 hash of the request, $5 answer. No answer.
insert into catalog.idempotency_keys (operation, subject, key, request_hash, answer) values ($1, $2, $3, $4, $5)
