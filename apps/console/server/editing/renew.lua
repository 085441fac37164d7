-- Begins or renews an edit of a product.
-- KEYS[1] the edit of one product. ARGV[1] who edits it, ARGV[2] milliseconds. Answers who edits it now.
local holder = redis.call('GET', KEYS[1])
if not holder or holder == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return ARGV[1]
end
return holder
