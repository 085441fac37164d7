-- Put in front of the scripts of a list: the layout of its generation.
--
-- One string: current|began_ms|next|next_ms. Each generation is letters and digits, and begins with the incarnation.
-- The next one, if there is one, takes the place of the current one at next_ms. Times are this server's clock.

-- Nil if there is none of this incarnation.
local function read_generation(key, incarnation, now)
  local current, began, next, next_at = string.match(redis.call('GET', key) or '', '^(%w+)|(%d+)|(%w*)|(%d+)$')
  if not current or string.sub(current, 1, #incarnation) ~= incarnation then
    return nil
  end
  local generation = { current = current, began = tonumber(began), next = next, next_at = tonumber(next_at) }
  -- A clock that was set back must not delay the next generation.
  if next ~= '' and (now >= generation.next_at or now < generation.began) then
    return { current = next, began = math.min(now, generation.next_at), next = '', next_at = 0 }
  end
  return generation
end

local function write_generation(key, generation)
  redis.call('SET', key, string.format('%s|%.0f|%s|%.0f', generation.current, generation.began, generation.next,
    generation.next_at))
end
