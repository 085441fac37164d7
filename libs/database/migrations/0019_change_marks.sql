-- Marks in the changes of products, made by the worker once a minute. GET /v1/changes learns from them where the kept changes
-- begin, from which day on it must search, and which versions an open transaction may have drawn.
create table catalog.change_marks (
  marked_at timestamptz primary key default clock_timestamp(),
  -- The newest change that was committed then, and its time.
  version bigint not null,
  changed_at timestamptz not null,
  -- Taken after `version` was read. So later transactions draw only versions beyond it.
  transaction_id xid8 not null
);
create index change_marks_by_version on catalog.change_marks (version, changed_at);
grant select on catalog.change_marks to catalog_read;

-- The oldest mark is where the kept changes begin. At first that is the beginning of all changes.
insert into catalog.change_marks (marked_at, version, changed_at, transaction_id) values ('-infinity', 0, '-infinity', '0');

-- Makes a mark, and deletes those that are older than `keep`, but for the youngest of these: there the kept changes begin.
-- It runs with the rights of its owner, because the worker may not read the history. The kept changes go back for a day at least.
create function catalog.mark_changes(keep interval) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  t constant timestamptz := clock_timestamp();
  newest record;
begin
  perform catalog.require_age('changes', keep, interval '1 day');
  if pg_current_xact_id_if_assigned() is not null or current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'catalog.mark_changes needs a READ COMMITTED transaction of its own, that has written nothing yet'
      using errcode = 'invalid_transaction_state';
  end if;
  select m.version, m.changed_at into strict newest
  from catalog.change_marks m order by m.version desc, m.changed_at desc limit 1;
  -- An hour more, because the times of two changes may be in another order than their versions.
  select found.version, found.changed_at into newest
  from (
    (select h.version, h.changed_at from catalog.product_history h
     where h.changed_at >= newest.changed_at - interval '1 hour' and h.changed_at < t + interval '1 day'
     order by h.version desc limit 1)
    union all
    select newest.version, newest.changed_at
  ) found
  order by found.version desc, found.changed_at desc limit 1;
  insert into catalog.change_marks (version, changed_at, transaction_id)
  values (newest.version, newest.changed_at, pg_current_xact_id())
  on conflict do nothing;
  delete from catalog.change_marks m
  where m.marked_at < (select max(old.marked_at) from catalog.change_marks old where old.marked_at <= t - keep);
end
$$;
revoke execute on function catalog.mark_changes from public;
grant execute on function catalog.mark_changes to invalidation_worker;
