-- Whether the server has used most of its maxmemory. Always false without a maxmemory.
--
-- ARGV 1 the part of maxmemory from which it is nearly full, between 0 and 1
-- Answer: true or false, so only another script can call it

local memory = redis.call('INFO', 'memory')
local most = tonumber(string.match(memory, '\nmaxmemory:(%d+)'))
local used = tonumber(string.match(memory, '\nused_memory:(%d+)'))
return most > 0 and used >= most * tonumber(ARGV[1])
