-- Reads a page of a list as `read_or_lease` reads an entry; that script stands in front of this one as a function.
--
-- A page is stamped with the generation of its list. A new generation therefore ends all pages of the list at once,
-- and a page that was loaded under an older generation cannot be filled any more.
--
-- KEYS[1] the generation of the list  KEYS[2] the page
-- ARGV    1 incarnation  2 to 6 as in read_or_lease  7 the generation to begin if this incarnation has none yet
-- Answer  that of read_or_lease, and as a seventh field the generation. Errors as there

local now = now_ms()
local generation = read_generation(KEYS[1], ARGV[1], now)
local current = generation and generation.current or ARGV[7]
local answer = read_or_lease({ KEYS[2] }, { current, ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] })
if answer.err then
  return answer
end
if not generation then
  write_generation(KEYS[1], { current = current, began = now, next = '', next_at = 0 })
end
answer[7] = current
return answer
