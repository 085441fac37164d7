-- Takes requests out of a caller's window, as many as are left of those wanted. One step: no process can take what
-- another has, and the key never stands without its end.
--
-- KEYS[1] the caller's window
-- ARGV 1 how many are wanted  2 how many a window has  3 its length in ms, for a new one
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
