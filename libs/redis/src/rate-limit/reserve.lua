-- Takes requests out of a caller's window: as many as wanted, or what is left. Requests that were allowed without asking
-- are counted first, even beyond the limit. One step, so that no two processes take the same request, and the key never
-- stands without a TTL.
--
-- KEYS[1] the caller's window
-- ARGV 1 requests wanted  2 requests in a window  3 length of a window in ms
--      4 requests that were allowed without asking
-- Answer: { granted, left after that, ms until the window ends }

local wanted, limit, debt = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local granted = math.max(0, math.min(wanted, limit - used - debt))
local taken = granted + debt
if used == 0 then
  redis.call('SET', KEYS[1], taken, 'PX', ARGV[3])
elseif taken > 0 then
  redis.call('INCRBY', KEYS[1], taken)
end
return { granted, math.max(0, limit - used - taken), redis.call('PTTL', KEYS[1]) }
