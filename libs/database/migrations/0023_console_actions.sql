-- What people did in the console: one row for each call that may have changed something, also if it was refused.
create table catalog.console_actions (
  -- Grows with time, so pages read the primary key backwards.
  id uuid primary key default pg_catalog.uuidv7(),
  username text not null,
  -- The call, such as "product.update".
  action text not null constraint console_actions_action_form check (action ~ '^[a-z]+\.[a-z-]+$'),
  -- What it was about: an id, a key, a queue or a user name.
  target text constraint console_actions_target_length check (length(target) <= 300),
  -- The HTTP status of the answer.
  status integer not null,
  -- What the person sent, without secrets; null if it was nothing or long.
  detail jsonb
    constraint console_actions_detail_length check (length(detail::text) <= 4000)
    constraint console_actions_detail_numbers check (catalog.has_json_numbers(detail)),
  acted_at catalog.moment not null default pg_catalog.clock_timestamp()
);
create index console_actions_by_user on catalog.console_actions (username, id);
-- The kind stands before the dot.
create index console_actions_by_kind on catalog.console_actions (split_part(action, '.', 1), id);
-- For retention.
create index console_actions_by_age on catalog.console_actions (acted_at);
-- Who paused a queue.
create index console_actions_by_queue on catalog.console_actions (id) where action in ('queue.pause', 'queue.resume');
-- The console can neither change nor delete what it has written.
grant select, insert on catalog.console_actions to console;
