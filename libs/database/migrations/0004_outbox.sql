-- The outbox and its doorbell.

-- The doorbell carries no data: it says "look in the outbox". NOTIFY takes a lock that serialises commits, so it rings
-- only while the relay sleeps: awake, the relay holds this advisory lock exclusively. It stops ringing at half of the
-- notification queue, because a full queue would fail commits. Answers whether it rang.
create function catalog.ring_doorbell() returns boolean
language sql volatile
begin atomic
  select case
    when pg_try_advisory_xact_lock_shared(7236001) and pg_notification_queue_usage() < 0.5
      then pg_notify('catalog_outbox', '') is not null
    else false
  end;
end;

-- Changes that are not yet applied to the cache, and those applied within the replay window. The times of each step are
-- written by updates that the row goes through anyway.
-- There is no index over all rows: every lookup is among the unapplied, and each index slows down every write of every
-- tracked table. The fill factor leaves room on the page for the two updates of each row.
-- The column types limit the lengths. The claim checks the rest, because a domain costs 2 µs per insert.
create table catalog.outbox (
  -- It only tells rows apart, so that sessions may cache numbers.
  seq bigint generated always as identity (cache 64),
  entity varchar(63) not null,
  key varchar(512) not null,
  -- The version written; 2^53 - 1 where versions give no order (see products_sku_changed).
  version bigint not null,
  changed_at timestamptz not null default clock_timestamp(),
  -- The top-level transaction. A look skips the transactions that are still open: their rows are invisible.
  transaction_id xid8 not null default pg_current_xact_id(),
  -- A default, not a trigger: a trigger here costs as much as the insert. Postgres sends one NOTIFY per transaction.
  rang boolean not null default catalog.ring_doorbell(),
  -- Commit of the transaction; null unless the server runs with track_commit_timestamp.
  committed_at timestamptz,
  -- When the relay heard the doorbell for it; null if the relay found it by looking.
  rung_at timestamptz,
  dispatched_at timestamptz,
  dispatches integer not null default 0,
  -- When its job entered the queue.
  queued_at timestamptz,
  applied_at timestamptz,
  -- The incarnation of the stores that it was applied to.
  applied_to text
) with (
  fillfactor = 60,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_vacuum_cost_delay = 0
);
create index outbox_unapplied on catalog.outbox (transaction_id, seq) where applied_at is null;

-- Every role that writes tracked tables may insert here, since triggers run with its rights. A forged row costs one
-- invalidation too many, nothing else.
grant insert (entity, key, version) on catalog.outbox to catalog_write, orders, console;
grant select, update, delete on catalog.outbox to invalidation_worker;

-- The gaps between open transactions, in order: a look goes through these ranges of outbox_unapplied and skips the rows
-- of transactions that have not ended.
create function catalog.ended_transactions() returns table (above xid8, below xid8)
language sql stable
begin atomic
  select coalesce(lag(running.id) over (order by running.id), '0'), running.id
  from (select pg_snapshot_xip(pg_current_snapshot()) union all select pg_snapshot_xmax(pg_current_snapshot())) as running (id)
  order by running.id;
end;

-- When the keys of changes were refreshed. A table of its own: a refresh comes after the acknowledgement, and the outbox
-- has no index that finds applied rows. Only traces read it, so a crash of Postgres may empty it.
create unlogged table catalog.refreshed_changes (
  seq bigint primary key,
  refreshed_at timestamptz not null default clock_timestamp()
);
grant select, insert, delete on catalog.refreshed_changes to invalidation_worker;
