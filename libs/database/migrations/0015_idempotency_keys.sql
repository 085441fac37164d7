-- Answers to requests with an Idempotency-Key, of every service. The transaction of the work stores the answer: a crash
-- leaves both or neither. Keys belong to the caller who sent them.
create table catalog.idempotency_keys (
  -- The role of the service that answered. No service sees or writes the answers of another one.
  service name not null default current_user,
  -- What was asked, such as create_product.
  operation text not null,
  subject text not null,
  key text not null constraint idempotency_keys_key_length check (length(key) between 1 and 255),
  -- SHA-256 of the request. It tells a repetition from another request under the same key.
  request_hash bytea not null,
  -- json, not jsonb: the answer is repeated to the byte, whatever changed since.
  answer json not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (service, operation, subject, key)
);
-- For retention.
create index idempotency_keys_by_age on catalog.idempotency_keys (created_at);
grant select, insert on catalog.idempotency_keys to catalog_write, orders;
alter table catalog.idempotency_keys enable row level security;
create policy own_answers on catalog.idempotency_keys using (service = current_user) with check (service = current_user);

-- Marks a key as being answered until the transaction ends. Answers false if another transaction of this service does that. The
-- session's role is part of the lock, so no service can hold the key of another one. A transaction may mark one key, before it does
-- anything else: all services share the table of locks, and one that marked thousands of keys would leave no room to the others.
create function catalog.lock_idempotency_key(operation text, subject text, key text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'catalog.lock_idempotency_key must be the first work of its transaction'
      using errcode = 'invalid_transaction_state';
  end if;
  -- From now on, a second call finds the number of the transaction.
  perform pg_current_xact_id();
  return pg_try_advisory_xact_lock(
    hashtextextended(concat_ws(chr(31), session_user, operation, subject, key), 7236003));
end
$$;
revoke execute on function catalog.lock_idempotency_key from public;
grant execute on function catalog.lock_idempotency_key to catalog_write, orders;
