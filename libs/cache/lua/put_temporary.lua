-- Keeps a value for a while, beside at most so many others of its kind.
--
-- KEYS[1] the value  KEYS[2] the values of this kind that have not ended, a sorted set of keys by the ms of their end
-- ARGV 1 the value  2 ms until it ends  3 at most so many values of this kind  4 "new" to leave alone what is there
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
