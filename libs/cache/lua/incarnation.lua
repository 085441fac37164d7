-- Put in front of the scripts whose answers are trusted in one incarnation only.
--
-- A server may copy another server's data and be promoted again while its connections stay open, so no client notices.
-- Only the server knows its incarnation at the moment of the answer.
--
-- replication_id: the master_replid that the caller knows this server by. It changes with each promotion.
local function is_other_incarnation(replication_id)
  return not string.find(redis.call('INFO', 'replication'), 'master_replid:' .. replication_id, 1, true)
end

local OTHER_INCARNATION = 'OTHERINCARNATION this server is in another incarnation than the caller expects'
