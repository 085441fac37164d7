-- Shared by the scripts, put in front of each: the layout of an entry, and who holds its lease.
--
-- An entry is one string: a header line, then the payload.
--   1|state|version|stored_ms|fresh_until_ms|incarnation|schema|token|floor|lease_until_ms
-- state: V value, M missing, D dead (the last payload, for stale-if-error only), A absent (a lease alone).
-- Times are this server's clock. Versions end at 2^53 - 1, so that a Lua number holds them exactly.

local HEADER = '^1|([VMDA])|(%d+)|(%d+)|(%d+)|(%w+)|(%d+)|([%w-]*)|(%d+)|(%d+)\n()'

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- What is unreadable, or stamped by another life of the stores, counts as absent.
local function read_entry(key, incarnation)
  local raw = redis.pcall('GET', key)
  if type(raw) == 'table' and raw.err then
    redis.call('DEL', key)
    raw = false
  end
  local entry = { state = 'A', version = '0', stored = 0, fresh_until = 0, schema = '0', token = '', floor = '0',
    lease_until = 0, payload = '' }
  if not raw then
    return entry
  end
  local state, version, stored, fresh_until, life, schema, token, floor, lease_until, start = string.match(raw, HEADER)
  if life ~= incarnation then
    return entry
  end
  entry.found = true
  entry.state, entry.version, entry.schema = state, version, schema
  entry.stored, entry.fresh_until = tonumber(stored), tonumber(fresh_until)
  entry.token, entry.floor, entry.lease_until = token, floor, tonumber(lease_until)
  entry.payload = string.sub(raw, start)
  return entry
end

local function is_live(entry)
  return entry.state == 'V' or entry.state == 'M'
end

local function is_leased(entry, now)
  return entry.token ~= '' and now < entry.lease_until
end

local function end_lease(entry)
  entry.token, entry.floor, entry.lease_until = '', '0', 0
end

-- life: 'KEEPTTL', or milliseconds.
local function write_entry(key, incarnation, entry, life)
  local raw = string.format('1|%s|%s|%.0f|%.0f|%s|%s|%s|%s|%.0f\n%s', entry.state, entry.version, entry.stored,
    entry.fresh_until, incarnation, entry.schema, entry.token, entry.floor, entry.lease_until, entry.payload)
  if life == 'KEEPTTL' then
    redis.call('SET', key, raw, 'KEEPTTL')
  else
    redis.call('SET', key, raw, 'PX', life)
  end
end
