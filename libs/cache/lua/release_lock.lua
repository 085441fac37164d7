-- Gives a lock back if it is still the owner's: after its end it may be somebody else's.
--
-- KEYS[1] the lock
-- ARGV 1 the owner's random name
-- Answer: 1 if it was released

if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
