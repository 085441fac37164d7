-- The trigger of each updated row writes its outbox row. That takes less than a trigger of the statement, which had to be given all
-- the rows once more; and the rows of a mass change, uncommitted for as long as it works, are in the way of no claim: each names
-- its transaction, and whoever looks for changes passes over the transactions that have not ended.
-- Each entity has a function of its own: to be told the entity by the trigger takes as long as to draw the version.
create procedure catalog.track_updates(tracked regclass, entity text)
language plpgsql as $$
begin
  execute format('create or replace function catalog.%1$I() returns trigger language plpgsql as %2$L',
    'track_update_of_' || entity,
    format($body$
begin
  -- A row that stays as it was is no change: no version, no invalidation. Compared by the bytes, which takes less time than
  -- by the operators of the columns, and here, since a condition of the trigger is prepared anew by every statement.
  if old operator(pg_catalog.*=) new then
    return new;
  end if;
  -- The row is locked when this runs, so that versions of a key grow in the order of its commits.
  new.version := nextval('catalog.versions');
  new.updated_at := clock_timestamp();
  insert into catalog.outbox (entity, key, version) values (%L, new.id::text, new.version);
  return new;
end
$body$, entity));
  execute format('create or replace trigger track_update before update on %s for each row execute function catalog.%I()',
    tracked, 'track_update_of_' || entity);
end
$$;
drop trigger track_updates on catalog.products;
drop trigger track_updates on catalog.settings;
drop function catalog.track_updates();
call catalog.track_updates('catalog.products', 'product');
call catalog.track_updates('catalog.settings', 'settings');
drop function catalog.track_update();

-- Whether it was rung. Asked of each row that gets into the outbox, by its default: a trigger there took as much as the row.
-- Of a transaction, whose rings are all the same, Postgres sends one.
drop trigger doorbell on catalog.outbox;
drop function catalog.ring_doorbell;
create function catalog.ring_doorbell() returns boolean
language sql volatile
begin atomic
  select case
    when pg_try_advisory_xact_lock_shared(7236001) and pg_notification_queue_usage() < 0.5
      then pg_notify('catalog_outbox', '') is not null
    else false
  end;
end;

drop index catalog.outbox_unapplied;
alter table catalog.outbox
  -- What the feed cannot carry must not get in: greatest lengths are told by the type, at little cost. A domain is
  -- prepared anew by each statement that inserts; what it told besides, the claim puts right.
  alter column entity type varchar(63),
  alter column key type varchar(512),
  alter column version type bigint,
  -- It only tells one row from another: sessions may keep numbers for later.
  alter column seq set cache 64,
  add column rang boolean not null default false,
  -- Without its savepoints.
  add column transaction_id xid8 not null default pg_current_xact_id();
alter table catalog.outbox alter column rang set default catalog.ring_doorbell();
drop domain catalog.entity_name, catalog.entity_key, catalog.change_version;
create index outbox_unapplied on catalog.outbox (transaction_id, seq) where applied_at is null;

-- The transactions that have ended, as the statement sees it, as what lies between those that have not; in order. To pass over
-- those saves time: their rows are invisible anyway.
create function catalog.ended_transactions() returns table (above xid8, below xid8)
language sql stable
begin atomic
  select coalesce(lag(running.id) over (order by running.id), '0'), running.id
  from (select pg_snapshot_xip(pg_current_snapshot()) union all select pg_snapshot_xmax(pg_current_snapshot())) as running (id)
  order by running.id;
end;

create or replace procedure catalog.track_changes(tracked regclass, entity text)
language plpgsql as $$
begin
  execute format('create trigger draw_version before insert on %s for each row
    execute function catalog.draw_version()', tracked);
  execute format('create trigger track_inserts after insert on %s
    referencing new table as inserted for each statement
    execute function catalog.track_inserts(%L)', tracked, entity);
  execute format('create trigger refuse_new_id before update of id on %s for each row
    when (old.id is distinct from new.id) execute function catalog.refuse_new_id(%L)', tracked, entity);
  call catalog.track_updates(tracked, entity);
  execute format('create trigger track_delete before delete on %s for each row
    execute function catalog.track_delete(%L)', tracked, entity);
  execute format('create trigger track_truncate before truncate on %s for each statement
    execute function catalog.track_truncate(%L)', tracked, entity);
end
$$;

-- Whoever writes tracked tables may name the columns that triggers name, and nothing else.
revoke insert on catalog.outbox from catalog_write, orders, console;
grant insert (entity, key, version) on catalog.outbox to catalog_write, orders, console;
