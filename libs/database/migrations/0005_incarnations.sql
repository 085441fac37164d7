-- The incarnation that changes count as applied to. A worker that is still connected to a Redis of a former incarnation
-- cannot acknowledge anything: its incarnation is not the one in this row.
create table catalog.cache_incarnation (
  only_row boolean primary key default true check (only_row),
  -- Of the whole cache. Of a cluster it names which shard has which slots, and the incarnation of each shard.
  incarnation text not null,
  -- Of each shard. A single server is the only shard, and the incarnation of the cache is its own.
  incarnations text[] not null,
  -- Of the map of slots of a cluster: a newer map has a higher number. 0 for a single server.
  map_age bigint not null default 0,
  -- The phases of shards that have taken all changes: those that were applied to former incarnations were replayed to them, where
  -- they have the keys. A phase names the incarnation and the slots of a shard. Only these shards get heartbeats.
  settled text[] not null default '{}',
  -- Whether there may be changes of former incarnations that were not replayed yet.
  is_replaying boolean not null default true,
  registered_at timestamptz not null default clock_timestamp(),
  -- When a worker that writes to it last looked, to within some seconds.
  seen_at timestamptz not null default clock_timestamp()
);
grant select, insert, update on catalog.cache_incarnation to invalidation_worker;

-- Incarnations of shards that were registered before, and their end. A Redis that returns with one of them has missed every
-- change that was applied to others since.
create table catalog.former_incarnations (
  incarnation text primary key,
  ended_at timestamptz not null
);
grant select, insert, update, delete on catalog.former_incarnations to invalidation_worker;

create function catalog.note_former_incarnation() returns trigger
language plpgsql as $$
begin
  insert into catalog.former_incarnations (incarnation, ended_at)
  select distinct each, clock_timestamp() from unnest(old.incarnations) as each where each <> all (new.incarnations)
  on conflict (incarnation) do update set ended_at = excluded.ended_at;
  delete from catalog.former_incarnations where incarnation = any (new.incarnations);
  return null;
end
$$;
create trigger note_former_incarnation after update on catalog.cache_incarnation
  for each row when (old.incarnations <> new.incarnations) execute function catalog.note_former_incarnation();
