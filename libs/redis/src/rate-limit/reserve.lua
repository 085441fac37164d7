-- Takes requests out of a caller's window: as many as wanted, or what is left. Requests that were allowed without asking
-- are counted first, even beyond the limit. One step, so that no two processes take the same request, and the key always
-- has a TTL. Opens no window while the server is nearly full, because the number of windows grows with the number of callers.
--
-- KEYS[1] the caller's window
-- ARGV 1 requests wanted  2 requests in a window  3 length of a window in ms
--      4 requests that were allowed without asking  5 the part of maxmemory from which the server is nearly full
-- Answer: { granted, left after that, ms until the window ends }; the error FULL when it opened no window

local wanted, limit, debt = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if used == 0 and isNearlyFull({}, { ARGV[5] }) then
  return redis.error_reply('FULL the state Redis is nearly full, and takes no new callers')
end
local granted = math.max(0, math.min(wanted, limit - used - debt))
local taken = granted + debt
if used == 0 then
  redis.call('SET', KEYS[1], taken, 'PX', ARGV[3])
elseif taken > 0 then
  redis.call('INCRBY', KEYS[1], taken)
end
return { granted, math.max(0, limit - used - taken), redis.call('PTTL', KEYS[1]) }
