-- Ends an edit, but only that of the caller.
-- KEYS[1] the edit of one product. ARGV[1] who edits it. Answers 1 if it was the caller's.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
