-- Begins another generation of a list, which ends all its pages: at once, or a little later if the current generation
-- has only just begun. The time at which it begins is stored here, so a worker that dies meanwhile loses no bump.
--
-- KEYS[1] the generation of the list
-- ARGV    1 incarnation  2 the next generation
--         3 wait_ms: how long the next generation may wait
--         4 least_ms, 5 most_ms: how long a generation lasts at least, and at most once it is to end
-- Answer  in how many ms the pages end

local incarnation = ARGV[1]
local wait_ms, least_ms, most_ms = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local now = now_ms()
local generation = read_generation(KEYS[1], incarnation, now)
local begins = now
if generation then
  begins = math.max(now, generation.began + least_ms, math.min(now + wait_ms, generation.began + most_ms))
  -- One that begins soon enough is on its way, and also ends what this caller has changed.
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
