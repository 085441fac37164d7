-- Moves the end of a lock on, if it is still the owner's: after its end it may be somebody else's.
--
-- KEYS[1] the lock
-- ARGV 1 the owner's random name  2 ms from now until it ends by itself
-- Answer: 1 if it was extended

if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
