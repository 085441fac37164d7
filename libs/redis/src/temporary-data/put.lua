-- Stores a value with a TTL, and keeps the number of values of its kind below a limit.
--
-- KEYS[1] the value  KEYS[2] the keys of this kind, a sorted set by the time of their end in ms
-- ARGV 1 the value  2 TTL in ms  3 the most values of this kind  4 "new" refuses to replace a value
-- Answer: stored, taken, full

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms)
local exists = redis.call('EXISTS', KEYS[1]) == 1
if exists and ARGV[4] == 'new' then
  return 'taken'
end
if not exists and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then
  return 'full'
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[2], string.format('%.0f', now_ms + ARGV[2]), KEYS[1])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return 'stored'
