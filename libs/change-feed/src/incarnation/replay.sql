-- Makes changes unapplied that were applied to other incarnations of shards within the replay window. The relay then dispatches
-- them again. Runs as its own statement after the registration: its snapshot must include the acknowledgements that the
-- registration waited for. Safe to repeat. The rows get the number of this transaction: relays do not search transactions that
-- ended before a look.
-- $1 the registered incarnation, $2 the replay window in ms, $3 the registered incarnations of the shards, $4 how many at most
update catalog.outbox
set applied_at = null, applied_to = null, dispatched_at = null, dispatches = 0, transaction_id = pg_current_xact_id()
where ctid = any (array(
  select o.ctid
  from catalog.outbox o, catalog.cache_incarnation registered
  where registered.incarnation = $1
    and o.applied_to <> all (registered.incarnations)
    and o.applied_at > clock_timestamp() - make_interval(secs => $2::float8 / 1000)
  limit $4
)) and applied_to <> all ($3::text[])
