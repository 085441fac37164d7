-- When a change was committed, rung for, claimed, queued and applied stands in its outbox row, written by the updates that
-- the row goes through anyway. Kept for the replay window.
alter table catalog.outbox
  -- Of its transaction; null unless the server runs with track_commit_timestamp.
  add column committed_at timestamptz,
  -- When the doorbell was heard for it; null where the relay found it by looking.
  add column rung_at timestamptz,
  -- When its job was put into the queue.
  add column queued_at timestamptz;

-- Refreshing follows the acknowledgement, and only keys in use are refreshed: a table of its own, so that the outbox
-- needs no index to find an applied row by. A crash of Postgres may empty it.
create unlogged table catalog.refreshed_changes (
  seq bigint primary key,
  refreshed_at timestamptz not null default clock_timestamp()
);
grant select, insert, delete on catalog.refreshed_changes to invalidation_worker;
