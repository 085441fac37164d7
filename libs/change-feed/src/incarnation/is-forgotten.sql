-- $1 the incarnations of shards that are to be registered, $2 in ms, how long ago a former registration may have ended
-- Answer: forgotten, whether one of them was registered before and its registration ended earlier than $2 allows. The outbox may
-- then no longer hold changes that were applied to other incarnations since.
select exists (
  select from catalog.former_incarnations
  where incarnation = any ($1) and ended_at < clock_timestamp() - make_interval(secs => $2::float8 / 1000)
) as forgotten
