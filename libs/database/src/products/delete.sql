-- $1 id, $2 expected version or null for any. Answers the version of the tombstone, which the trigger has just drawn in
-- this session. No row if the product is missing or has another version.
delete from catalog.products p
where p.id = $1 and ($2::bigint is null or p.version = $2)
returning currval('catalog.versions') as version
