-- Closes the open batch, unless an earlier one is still closed and not deleted. Later views go into a new batch. A full
-- server allows this script, because it only renames and reads.
--
-- KEYS[1] the open batch  KEYS[2] its id  KEYS[3] the closed batch  KEYS[4] its id
-- Answer: the id of the closed batch; nil when nothing was counted

if redis.call('EXISTS', KEYS[4]) == 0 and redis.call('EXISTS', KEYS[1], KEYS[2]) == 2 then
  redis.call('RENAME', KEYS[1], KEYS[3])
  redis.call('RENAME', KEYS[2], KEYS[4])
end
return redis.call('GET', KEYS[4])
