-- Answers to requests with an Idempotency-Key, of every service. The transaction of the work stores the answer: a crash
-- leaves both or neither. Keys belong to the caller who sent them.
create table catalog.idempotency_keys (
  -- What was asked, such as create_product.
  operation text not null,
  subject text not null,
  key text not null constraint idempotency_keys_key_length check (length(key) between 1 and 255),
  -- SHA-256 of the request. It tells a repetition from another request under the same key.
  request_hash bytea not null,
  -- json, not jsonb: the answer is repeated to the byte, whatever changed since.
  answer json not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (operation, subject, key)
);
-- For retention.
create index idempotency_keys_by_age on catalog.idempotency_keys (created_at);
grant select, insert, delete on catalog.idempotency_keys to catalog_write;
grant select, insert on catalog.idempotency_keys to orders;
