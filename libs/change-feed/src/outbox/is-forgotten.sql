-- $1 an incarnation that is to be registered, $2 in ms, how long ago its registration may have ended
-- Answer: forgotten, whether it was registered before, and that ended longer ago: changes applied to others since are no
-- longer there to be applied again.
select exists (
  select from catalog.former_incarnations
  where incarnation = $1 and ended_at < clock_timestamp() - make_interval(secs => $2::float8 / 1000)
) as forgotten
