-- Deletes the closed batch, if it is still the same one.
--
-- KEYS[1] the closed batch  KEYS[2] its id
-- ARGV 1 the id
-- Answer: 1 if it was deleted, else 0

if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('UNLINK', KEYS[1], KEYS[2])
return 1
