-- Begins a new generation of a list, which ends all its pages. If the current generation has only just begun, the new
-- one begins a little later. Its time is stored here, so the bump is not lost if the worker dies meanwhile.
--
-- KEYS[1] the generation of the list
-- ARGV    1 incarnation  2 the next generation
--         3 wait_ms: how long the next generation may wait
--         4 least_ms: how long every generation lasts at least
--         5 most_ms: how old a generation may get before a bump ends it at once
-- Answer  in how many ms the pages end

local incarnation = ARGV[1]
local wait_ms, least_ms, most_ms = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local now = now_ms()
local generation = read_generation(KEYS[1], incarnation, now)
local begins = now
if generation then
  begins = math.max(now, generation.began + least_ms, math.min(now + wait_ms, generation.began + most_ms))
  -- A next generation that begins soon enough is stored already. It also ends the pages that this caller's change made wrong.
  if generation.next ~= '' and generation.next_at <= begins then
    return generation.next_at - now
  end
end

if begins == now then
  write_generation(KEYS[1], { current = ARGV[2], began = now, next = '', next_at = 0 })
else
  generation.next, generation.next_at = ARGV[2], begins
  write_generation(KEYS[1], generation)
end
return begins - now
