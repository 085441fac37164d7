-- Those that were registered before, and until when. What such a Redis still holds when it comes back has missed all
-- that was applied to others meanwhile.
create table catalog.former_incarnations (
  incarnation text primary key,
  ended_at timestamptz not null
);
create function catalog.note_former_incarnation() returns trigger
language plpgsql as $$
begin
  insert into catalog.former_incarnations (incarnation, ended_at) values (old.incarnation, clock_timestamp())
  on conflict (incarnation) do update set ended_at = excluded.ended_at;
  delete from catalog.former_incarnations where incarnation = new.incarnation;
  return null;
end
$$;
create trigger note_former_incarnation after update on catalog.cache_incarnation
  for each row when (old.incarnation <> new.incarnation) execute function catalog.note_former_incarnation();
grant select, insert, update, delete on catalog.former_incarnations to invalidation_worker;

-- When a worker that writes to it last looked, to within some seconds.
alter table catalog.cache_incarnation add column seen_at timestamptz not null default clock_timestamp();
