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

-- The relay's side of that lock. It belongs to the session. Services may take no advisory lock by themselves (0001).
create function catalog.acquire_awake_lock() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select pg_advisory_lock(7236001);
end;
create function catalog.release_awake_lock() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select pg_advisory_unlock(7236001);
end;
revoke execute on function catalog.acquire_awake_lock, catalog.release_awake_lock, catalog.ring_doorbell from public;
grant execute on function catalog.acquire_awake_lock, catalog.release_awake_lock to invalidation_worker;

-- Changes that are not yet applied to the cache, and those applied within the replay window. The times of each step are
-- written by updates that the row goes through anyway.
-- There is no index over all rows: every lookup is among the unapplied, and each index slows down every write of every
-- tracked table. The fill factor leaves room on the page for the two updates of each row.
-- The column types limit the lengths. The claim checks the rest, because a domain costs 2 µs per insert.
create table catalog.outbox (
  -- The number only tells rows apart, so sessions may cache numbers.
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
  -- The incarnation of the shard that it was applied to. A single server is the only shard.
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

-- Only trigger functions insert here, as their owner. A row that a service could forge might hold a key that no worker may
-- apply.
grant select, update, delete on catalog.outbox to invalidation_worker;

-- A crash of Postgres may undo acknowledgements, and it empties this table, because the table is unlogged. So what a relay
-- knows about the outbox holds until another epoch begins.
create unlogged table catalog.outbox_epoch (
  only_row boolean primary key default true check (only_row),
  epoch uuid not null default gen_random_uuid()
);
grant select, insert on catalog.outbox_epoch to invalidation_worker;

-- Where unapplied changes may be. A look answers a horizon, and later looks and claims begin there. Otherwise they would walk
-- through the index entries of all changes that were applied since the oldest snapshot, because vacuum cannot remove them.
-- A change is unapplied only under the number of the transaction that inserted it, or that took it over after a restore. That
-- transaction was open at the look, or began later: its number is in `late`, or not below `next`.
create type catalog.outbox_horizon as (
  epoch uuid,
  -- The first change that may be unapplied; all before it are applied, except those in `late`.
  next xid8,
  next_seq bigint,
  -- Lower transactions that were open at the look, or had unapplied changes; and the first change in each.
  late xid8[],
  late_seqs bigint[]
);

-- The ranges of outbox_unapplied in which a look or a claim searches: (transaction_id, seq) > (above, above_seq) and
-- transaction_id < below. They leave out the rows of transactions that have not ended.
-- horizon: null, or a horizon of another epoch, means the beginning of the outbox. is_late: the range is one of `late`.
create function catalog.outbox_ranges(horizon catalog.outbox_horizon)
returns table (above xid8, above_seq bigint, below xid8, is_late boolean)
language sql stable
begin atomic
  with known as (
    select coalesce(h.next, '0') as next, coalesce(h.next_seq, 0) as next_seq, h.late, h.late_seqs
    from (values (0)) as always
    left join lateral (select (horizon).*) as h on exists (select from catalog.outbox_epoch e where e.epoch = h.epoch)
  ), running as (
    select pg_snapshot_xip(pg_current_snapshot()) as id union all select pg_snapshot_xmax(pg_current_snapshot())
  )
  select
    coalesce(lag(running.id) over by_id, known.next),
    case when lag(running.id) over by_id is null then known.next_seq - 1 else 9223372036854775807 end,
    running.id,
    false
  from known, running
  where running.id >= known.next
  window by_id as (order by running.id)
  union all
  select late.id, late.seq - 1, (late.id::text::bigint + 1)::text::xid8, true
  from known, unnest(known.late, known.late_seqs) as late (id, seq)
  where pg_visible_in_snapshot(late.id, pg_current_snapshot());
end;

-- When the keys of changes were refreshed. A table of its own: a refresh comes after the acknowledgement, and the outbox
-- has no index that finds applied rows. Only traces read it, so a crash of Postgres may empty it.
create unlogged table catalog.refreshed_changes (
  seq bigint primary key,
  refreshed_at timestamptz not null default clock_timestamp()
);
grant select, insert, delete on catalog.refreshed_changes to invalidation_worker;

-- Keys that the cache Redis refuses to invalidate, for instance because its ACL forbids them. Their changes count as applied,
-- so that the watermark goes on, and readers do not trust Redis for these keys. See libs/change-feed/src/set-aside.
create table catalog.set_aside_keys (
  cache_key text primary key,
  entity text not null,
  -- The highest version that was refused.
  version bigint not null,
  reason text not null,
  -- Counts refused changes, so that a release does not overlook one that comes meanwhile.
  changes bigint not null default 1,
  set_aside_at timestamptz not null default clock_timestamp(),
  tried_at timestamptz not null default clock_timestamp(),
  -- Set when the key was not refused, but its shard was away: its slot in the cluster. Readers need no list of such keys, because
  -- no heartbeat is sent to that shard while it has one.
  slot smallint
);
-- A shard that is away for long may get a row for each of its keys.
create index set_aside_keys_slot on catalog.set_aside_keys (slot) where slot is not null;
grant select, insert, update, delete on catalog.set_aside_keys to invalidation_worker;
