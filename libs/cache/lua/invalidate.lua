-- Applies one committed change: no older version is served afterwards, and no reader that began before it can fill.
-- `invalidate_each.lua` calls it as a function.
--
-- KEYS[1] the entry
-- ARGV    1 incarnation  2 version  3 dead_ms: how long the old payload is kept, to be served as stale
-- Answer  1 if a live entry was invalidated, so that a refresh is worthwhile; else 0

local incarnation, version, dead_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local entry = read_entry(KEYS[1], incarnation)

if not entry.found or entry.state == 'A' then
  -- Nothing, a lease alone, or an entry of another incarnation.
  redis.call('DEL', KEYS[1])
  return 0
end

local leased = entry.token ~= ''
end_lease(entry)

if is_live(entry) and tonumber(entry.version) < version then
  if entry.state == 'M' then
    redis.call('DEL', KEYS[1])
  else
    entry.state = 'D'
    write_entry(KEYS[1], incarnation, entry, dead_ms)
  end
  return 1
end

if leased then
  write_entry(KEYS[1], incarnation, entry, 'KEEPTTL')
end
return 0
