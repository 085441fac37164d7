-- Notes keys that Redis refuses although their shard is back. From now on looks name them, so that readers know them.
-- $1 the Redis keys, $2 the reason of each
update catalog.set_aside_keys s set slot = null, reason = refused.reason
from unnest($1::text[], $2::text[]) as refused (cache_key, reason)
where s.cache_key = refused.cache_key
