-- Releases a lock, if it still belongs to its owner. After its end another may hold it.
--
-- KEYS[1] the lock
-- ARGV 1 the owner's random name
-- Answer: 1 if it was released, else 0

if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
