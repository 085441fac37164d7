-- $1 the incarnation of the cache
-- Answer: since, when it was registered, and settled, the phases of its shards that are; no row if another one is registered
select registered_at::text as since, settled from catalog.cache_incarnation where incarnation = $1
