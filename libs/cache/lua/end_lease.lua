-- Ends the lease of a reader whose load has failed, or whose callers have all given up. So the next reader may try at once.
--
-- KEYS[1] the entry
-- ARGV    1 stamp  2 token of the lease
-- Answer  1 if the lease has ended, 0 if this reader does not hold it

local entry = read_entry(KEYS[1], ARGV[1])
if not is_leased(entry, now_ms()) or entry.token ~= ARGV[2] then
  return 0
end
leave_lease(KEYS[1], ARGV[1], entry)
return 1
