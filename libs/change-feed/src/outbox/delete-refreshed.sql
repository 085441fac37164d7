-- Deletes notes of refreshes that are older than the replay window.
-- $1 the replay window in ms
delete from catalog.refreshed_changes
where refreshed_at < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
