-- Takes a lock, with its end in the same step, and a fencing token that is above every one given before. The token
-- follows this server's clock, so that it grows even where the last one was lost with the server's memory.
--
-- KEYS[1] the lock  KEYS[2] its last fencing token
-- ARGV 1 the owner's random name  2 ms until it ends by itself
-- Answer: the fencing token; 0 where somebody else holds the lock

if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return 0
end
local time = redis.call('TIME')
local fence = math.max(time[1] * 1000000 + time[2], tonumber(redis.call('GET', KEYS[2]) or '0') + 1)
redis.call('SET', KEYS[2], string.format('%.0f', fence))
return fence
