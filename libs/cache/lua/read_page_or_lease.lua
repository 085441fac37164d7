-- Reads a page of a list as `read_or_lease` reads an entry; that script stands in front of this one as a function.
--
-- A page is stamped with the generation of its list. A new generation therefore ends all pages of the list at once,
-- and a page that was loaded under an older generation cannot be filled any more.
--
-- KEYS[1] the generation of the list  KEYS[2] the page
-- ARGV    1 incarnation  2 to 6 as in read_or_lease  7 the generation to begin if this incarnation has none yet
-- Answer  that of read_or_lease, and as a seventh field the generation. Errors as there

local generation = redis.call('GET', KEYS[1])
local is_new = not generation or string.sub(generation, 1, #ARGV[1]) ~= ARGV[1]
if is_new then
  generation = ARGV[7]
end
local answer = read_or_lease({ KEYS[2] }, { generation, ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] })
if answer.err then
  return answer
end
if is_new then
  redis.call('SET', KEYS[1], generation)
end
answer[7] = generation
return answer
