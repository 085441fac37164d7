-- Put in front of the scripts: the layout of an entry, and who holds its lease.
--
-- An entry is one string: a header line, then the payload.
--   1|state|version|stored_ms|fresh_until_ms|stamp|schema|token|floor|lease_until_ms
-- state: V value, M missing, D dead (the last payload, served only when marked stale), A absent (a lease alone).
-- stamp: the incarnation; in a page of a list the generation of the list, which begins with the incarnation.
-- Times are this server's clock. Versions end at 2^53 - 1, so that a Lua number holds them exactly.

local HEADER = '^1|([VMDA])|(%d+)|(%d+)|(%d+)|(%w+)|(%d+)|([%w-]*)|(%d+)|(%d+)\n()'

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- An entry that cannot be read, or that has another stamp, counts as absent.
local function read_entry(key, stamp)
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
  local state, version, stored, fresh_until, found_stamp, schema, token, floor, lease_until, start =
    string.match(raw, HEADER)
  if found_stamp ~= stamp then
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

-- ttl: 'KEEPTTL', or milliseconds.
local function write_entry(key, stamp, entry, ttl)
  local raw = string.format('1|%s|%s|%.0f|%.0f|%s|%s|%s|%s|%.0f\n%s', entry.state, entry.version, entry.stored,
    entry.fresh_until, stamp, entry.schema, entry.token, entry.floor, entry.lease_until, entry.payload)
  if ttl == 'KEEPTTL' then
    redis.call('SET', key, raw, 'KEEPTTL')
  else
    redis.call('SET', key, raw, 'PX', ttl)
  end
end

-- The lease ends without a fill. The payload stays.
local function leave_lease(key, stamp, entry)
  end_lease(entry)
  if entry.state == 'A' then
    redis.call('DEL', key)
  else
    write_entry(key, stamp, entry, 'KEEPTTL')
  end
end
