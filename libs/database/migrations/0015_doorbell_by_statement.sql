-- The doorbell is asked for by the statement that writes, not at the commit. A deferred trigger, and the setting that told the
-- first row of a transaction, took an eighth of what a tracked UPDATE takes. A writer who was refused may now commit
-- long after the relay wanted to sleep: it sleeps no deeper than some milliseconds while anybody has written to the outbox and
-- not ended. Of a transaction, whose rings are all the same, Postgres sends one.
drop trigger doorbell on catalog.outbox;
alter table catalog.outbox drop column rings;
drop function catalog.is_first_change_of_transaction();
create trigger doorbell after insert on catalog.outbox
  for each statement execute function catalog.ring_doorbell();

-- BEFORE UPDATE OF id, FOR EACH ROW: asked only of statements that name the column.
create function catalog.refuse_new_id() returns trigger
language plpgsql as $$
begin
  raise exception '% % cannot change its id', tg_argv[0], old.id using errcode = 'restrict_violation';
end
$$;

-- BEFORE UPDATE, FOR EACH ROW: the row is locked when this runs, so that versions of a key grow in the order of its commits.
-- A row that stays as it was is no change: no version, no invalidation. Compared by the bytes, which takes less time than by
-- the operators of the columns, and here, since a condition of the trigger is prepared anew by every statement.
-- Never before the statement began, whatever the clock does meanwhile: track_updates tells the changed rows by that.
create or replace function catalog.track_update() returns trigger
language plpgsql as $$
begin
  if old operator(pg_catalog.*=) new then
    return new;
  end if;
  new.version := nextval('catalog.versions');
  new.updated_at := greatest(clock_timestamp(), statement_timestamp());
  return new;
end
$$;

-- As before, but for the two triggers before an UPDATE.
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
  execute format('create trigger track_update before update on %s for each row
    execute function catalog.track_update()', tracked);
  execute format('create trigger track_updates after update on %s
    referencing new table as after for each statement
    execute function catalog.track_updates(%L)', tracked, entity);
  execute format('create trigger track_delete before delete on %s for each row
    execute function catalog.track_delete(%L)', tracked, entity);
  execute format('create trigger track_truncate before truncate on %s for each statement
    execute function catalog.track_truncate(%L)', tracked, entity);
end
$$;

create trigger refuse_new_id before update of id on catalog.products for each row
  when (old.id is distinct from new.id) execute function catalog.refuse_new_id('product');
create or replace trigger track_update before update on catalog.products for each row
  execute function catalog.track_update();
create trigger refuse_new_id before update of id on catalog.settings for each row
  when (old.id is distinct from new.id) execute function catalog.refuse_new_id('settings');
create or replace trigger track_update before update on catalog.settings for each row
  execute function catalog.track_update();

-- What the feed cannot carry must not get in, as before; but the greatest lengths are told by the type, and nothing is measured.
create domain catalog.entity_name as varchar(63) constraint outbox_entity_given check (value <> '');
create domain catalog.entity_key as varchar(512) constraint outbox_key_given check (value <> '');
alter table catalog.outbox
  alter column entity type catalog.entity_name,
  alter column key type catalog.entity_key;
drop domain catalog.change_entity, catalog.change_key;
