-- Takes requests out of a caller's window: as many as wanted, or what is left. One step, so that no two processes take
-- the same request, and the key never stands without a TTL.
--
-- KEYS[1] the caller's window
-- ARGV 1 requests wanted  2 requests in a window  3 length of a window in ms
-- Answer: { granted, left after that, ms until the window ends }

local wanted, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local granted = math.max(0, math.min(wanted, limit - used))
if used == 0 then
  redis.call('SET', KEYS[1], granted, 'PX', ARGV[3])
elseif granted > 0 then
  redis.call('INCRBY', KEYS[1], granted)
end
return { granted, math.max(0, limit - used - granted), redis.call('PTTL', KEYS[1]) }
