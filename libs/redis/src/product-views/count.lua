-- Adds views to the open batch, and keeps the number of products in it below a limit. Counts nothing while the server is
-- nearly full.
--
-- KEYS[1] the open batch: a sorted set of views by product  KEYS[2] the id of that batch
-- ARGV 1 the part of maxmemory from which the server is nearly full  2 the id of a new batch  3 the most products in a batch,
--      then for each product its id and its views, the most viewed first
-- Answer: { views refused because of memory, views refused because of the limit }

local full = isNearlyFull({}, { ARGV[1] })
local most = tonumber(ARGV[3])
local refused_memory, refused_limit = 0, 0
for i = 4, #ARGV, 2 do
  local id, views = ARGV[i], tonumber(ARGV[i + 1])
  if full then
    refused_memory = refused_memory + views
  elseif redis.call('ZCARD', KEYS[1]) >= most and not redis.call('ZSCORE', KEYS[1], id) then
    refused_limit = refused_limit + views
  else
    redis.call('ZINCRBY', KEYS[1], views, id)
  end
end
if not full then
  redis.call('SET', KEYS[2], ARGV[2], 'NX')
end
return { refused_memory, refused_limit }
