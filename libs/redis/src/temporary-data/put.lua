-- Stores a value with a TTL, and keeps the numbers of values of its kind and of its owner below their limits.
--
-- KEYS[1] the value  KEYS[2] the keys of this kind, a sorted set by the time of their end in ms
-- KEYS[3] those of them that belong to the owner, in the same way
-- ARGV 1 the value  2 TTL in ms  3 the most values of this kind  4 the most of an owner  5 "new" refuses to replace a value
-- Answer: stored, taken, full

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
for index = 2, 3 do
  redis.call('ZREMRANGEBYSCORE', KEYS[index], '-inf', now_ms)
end
local exists = redis.call('EXISTS', KEYS[1]) == 1
if exists and ARGV[5] == 'new' then
  return 'taken'
end
if not exists then
  for index = 2, 3 do
    if redis.call('ZCARD', KEYS[index]) >= tonumber(ARGV[index + 1]) then
      return 'full'
    end
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
for index = 2, 3 do
  redis.call('ZADD', KEYS[index], string.format('%.0f', now_ms + ARGV[2]), KEYS[1])
  if redis.call('PTTL', KEYS[index]) < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[index], ARGV[2])
  end
end
return 'stored'
