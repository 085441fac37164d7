-- Takes from the set of grown counts those whose count is still the one that has been archived. One that has grown
-- meanwhile stays for the next turn, and so it does not matter who has archived it, or how long ago.
--
-- KEYS[1] the totals  KEYS[2] the set of those that have grown
-- ARGV for each product: its id, and the total that was archived, empty where there was none
-- Answer: how many were taken

local taken = 0
for i = 1, #ARGV, 2 do
  if (redis.call('ZSCORE', KEYS[1], ARGV[i]) or '') == ARGV[i + 1] then
    taken = taken + redis.call('SREM', KEYS[2], ARGV[i])
  end
end
return taken
