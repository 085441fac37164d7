-- $1 subject, $2 key, $3 hash of the request, $4 id of the product, $5 answer
insert into catalog.idempotency_keys (subject, key, request_hash, product_id, answer) values ($1, $2, $3, $4, $5)
