-- Registers an incarnation of the cache: from now on, changes are acknowledged for it only. Waits for acknowledgements in progress.
-- $1 the incarnation
insert into catalog.cache_incarnation (incarnation) values ($1)
on conflict (only_row) do update set incarnation = excluded.incarnation, registered_at = excluded.registered_at, seen_at = excluded.seen_at
where cache_incarnation.incarnation <> excluded.incarnation
