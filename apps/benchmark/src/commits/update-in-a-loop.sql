-- Updates one row and commits, again and again, as one client that needs no time to think. The statement is prepared, as
-- every client's should be: planning it each time would cost more than what is measured.
-- tracked: the table; ids: of the rows to choose from; duration_s; commits answers how many.
create or replace procedure catalog.update_in_a_loop(
  tracked text, ids uuid[], duration_s double precision, inout commits bigint
) language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + make_interval(secs => duration_s);
begin
  execute format(
    'prepare update_one (uuid) as update %s set price_minor = price_minor + 1 where id = $1', tracked);
  commits := 0;
  while clock_timestamp() < until loop
    execute format('execute update_one (%L)', ids[1 + floor(random() * cardinality(ids))::integer]);
    commit;
    commits := commits + 1;
  end loop;
end
$$;
