-- Removes products from the set of grown counts when their count is still the archived one. A count that has grown since then
-- stays for the next turn. So it does not matter which worker archived the count, or how long ago.
--
-- KEYS[1] the totals  KEYS[2] the set of products whose count has grown
-- ARGV for each product: its id and the archived total, which is empty when there was none
-- Answer: how many were removed

local removed = 0
for i = 1, #ARGV, 2 do
  if (redis.call('ZSCORE', KEYS[1], ARGV[i]) or '') == ARGV[i + 1] then
    removed = removed + redis.call('SREM', KEYS[2], ARGV[i])
  end
end
return removed
