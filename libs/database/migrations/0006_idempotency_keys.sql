-- Answers of POST /v1/products that were asked for with an Idempotency-Key, stored in the transaction of the
-- product: either both are there or neither. Keys belong to the caller who sent them.
create table catalog.idempotency_keys (
  subject text not null,
  key text not null constraint idempotency_keys_key_length check (length(key) between 1 and 255),
  -- SHA-256 of the request, to tell a repetition from another request under the same key.
  request_hash bytea not null,
  product_id uuid not null,
  -- The answer as it was given, down to the order of its fields; the product may have changed since.
  answer json not null,
  -- For whoever clears away old keys.
  created_at timestamptz not null default clock_timestamp(),
  primary key (subject, key)
);
create index idempotency_keys_by_age on catalog.idempotency_keys (created_at);

grant select, insert, delete on catalog.idempotency_keys to catalog_write;
