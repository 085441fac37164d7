-- Updates one row and commits, again and again, as one client that needs no time to think.
-- tracked: the table; ids: of the rows to choose from; duration_s; commits answers how many.
create or replace procedure catalog.update_in_a_loop(
  tracked text, ids uuid[], duration_s double precision, inout commits bigint
) language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + make_interval(secs => duration_s);
  statement constant text := format('update %s set price_minor = price_minor + 1 where id = $1', tracked);
begin
  commits := 0;
  while clock_timestamp() < until loop
    execute statement using ids[1 + floor(random() * cardinality(ids))::integer];
    commit;
    commits := commits + 1;
  end loop;
end
$$;
