-- Takes a lock and sets its TTL in one step. Gives it a fencing token above every one given before. The token follows
-- the server's clock, so that it grows even after the server lost the last one.
--
-- KEYS[1] the lock  KEYS[2] its last fencing token
-- ARGV 1 the owner's random name  2 TTL in ms
-- Answer: the fencing token; 0 while another owner holds the lock

if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return 0
end
local time = redis.call('TIME')
local fence = math.max(time[1] * 1000000 + time[2], tonumber(redis.call('GET', KEYS[2]) or '0') + 1)
redis.call('SET', KEYS[2], string.format('%.0f', fence))
return fence
