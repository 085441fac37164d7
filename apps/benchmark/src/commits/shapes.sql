-- Tables like products, each with different triggers. catalog.products itself has ours.

-- No triggers.
create table catalog.bare (like catalog.products including all) with (fillfactor = 85);

-- NOTIFY with the id, for every row.
create table catalog.notifying (like catalog.products including all) with (fillfactor = 85);
create function catalog.shape_notify() returns trigger language plpgsql as $$
begin
  perform pg_notify('notifying', new.id::text);
  return null;
end
$$;
create trigger changed after update on catalog.notifying for each row execute function catalog.shape_notify();

-- Draws a version and records no change.
create table catalog.versioned (like catalog.products including all) with (fillfactor = 85);
create function catalog.shape_version() returns trigger language plpgsql as $$
begin
  new.version := nextval('catalog.versions');
  return new;
end
$$;
create trigger changed before update on catalog.versioned for each row execute function catalog.shape_version();

-- An outbox like ours without the doorbell.
create table catalog.quiet_outbox (
  seq bigint generated always as identity (cache 1),
  entity text not null,
  key text not null,
  version bigint not null,
  changed_at timestamptz not null default clock_timestamp(),
  dispatched_at timestamptz,
  dispatches integer not null default 0,
  applied_at timestamptz,
  applied_to text
) with (fillfactor = 60);
create index quiet_outbox_unapplied on catalog.quiet_outbox (seq) where applied_at is null;

create table catalog.row_outbox (like catalog.products including all) with (fillfactor = 85);
create function catalog.shape_row_outbox() returns trigger language plpgsql as $$
begin
  new.version := nextval('catalog.versions');
  insert into catalog.quiet_outbox (entity, key, version) values ('product', new.id::text, new.version);
  return new;
end
$$;
create trigger changed before update on catalog.row_outbox for each row execute function catalog.shape_row_outbox();

create table catalog.statement_outbox (like catalog.products including all) with (fillfactor = 85);
create trigger changed before update on catalog.statement_outbox
  for each row execute function catalog.shape_version();
create function catalog.shape_statement_outbox() returns trigger language plpgsql as $$
begin
  insert into catalog.quiet_outbox (entity, key, version) select 'product', id::text, version from changed_rows;
  return null;
end
$$;
create trigger told after update on catalog.statement_outbox referencing new table as changed_rows
  for each statement execute function catalog.shape_statement_outbox();

-- An earlier design: the first row of each transaction asks for a doorbell at the commit.
create function catalog.shape_is_first_change() returns boolean
language sql volatile
begin atomic
  select case current_setting('catalog.shape_doorbell', true)
    when 'pulled' then false
    else set_config('catalog.shape_doorbell', 'pulled', true) = 'pulled'
  end;
end;
create table catalog.deferred_outbox_rows (
  like catalog.quiet_outbox including all,
  rings boolean not null default catalog.shape_is_first_change()
) with (fillfactor = 60);
create function catalog.shape_ring_doorbell() returns trigger language plpgsql as $$
begin
  if pg_try_advisory_xact_lock_shared(7236001) and pg_notification_queue_usage() < 0.5 then
    perform pg_notify('catalog_outbox', '');
  end if;
  return null;
end
$$;
create constraint trigger doorbell after insert on catalog.deferred_outbox_rows deferrable initially deferred
  for each row when (new.rings) execute function catalog.shape_ring_doorbell();
create table catalog.deferred_outbox (like catalog.products including all) with (fillfactor = 85);
create trigger changed before update on catalog.deferred_outbox
  for each row execute function catalog.shape_version();
create function catalog.shape_deferred_outbox() returns trigger language plpgsql as $$
begin
  insert into catalog.deferred_outbox_rows (entity, key, version)
  select 'product', id::text, version from changed_rows;
  return null;
end
$$;
create trigger told after update on catalog.deferred_outbox referencing new table as changed_rows
  for each statement execute function catalog.shape_deferred_outbox();
