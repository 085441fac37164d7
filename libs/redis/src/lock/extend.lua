-- Starts the TTL of a lock again, if the lock still belongs to its owner. After its end another may hold it.
--
-- KEYS[1] the lock
-- ARGV 1 the owner's random name  2 TTL in ms
-- Answer: 1 if it was extended, else 0

if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
