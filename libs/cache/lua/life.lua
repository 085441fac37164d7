-- Put in front of the scripts that vouch for what this server holds.
--
-- A server that takes over another's data where it stands, and is promoted again, keeps its connections: nobody is told.
-- Only the server knows which life it lives at the moment of the answer.
--
-- replication: the master_replid that the caller knows this server by; another one after each promotion
local function is_other_life(replication)
  return not string.find(redis.call('INFO', 'replication'), 'master_replid:' .. replication, 1, true)
end

local OTHER_LIFE = 'OTHERLIFE this server has begun another life'
