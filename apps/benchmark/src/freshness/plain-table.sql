-- The table of products without the triggers of the change feed. It has the trigger of most tutorials instead: NOTIFY
-- with the id, for every row.
create table catalog.plain (like catalog.products including all) with (fillfactor = 85);
create function catalog.notify_plain() returns trigger language plpgsql as $$
begin
  perform pg_notify('plain', new.id::text);
  return null;
end
$$;
create trigger notify_plain after update on catalog.plain for each row execute function catalog.notify_plain();
