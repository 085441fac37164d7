-- What was applied within the replay window to another incarnation than the registered one counts as not applied, and is
-- dispatched again. A statement of its own, after the registration: its snapshot must show the acknowledgements that the
-- registration has waited for. Can be repeated.
-- $1 the incarnation that was registered, $2 the replay window in ms, $3 how many at most
update catalog.outbox set applied_at = null, applied_to = null, dispatched_at = null, dispatches = 0
where ctid = any (array(
  select o.ctid
  from catalog.outbox o, catalog.cache_incarnation registered
  where registered.incarnation = $1
    and o.applied_to <> registered.incarnation
    and o.applied_at > clock_timestamp() - make_interval(secs => $2::float8 / 1000)
  limit $3
)) and applied_to <> $1
