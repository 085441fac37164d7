-- Stores what a reader has read from Postgres, or refuses it. A refused fill may raise the floor of the lease holder.
--
-- The holder of the lease stores a version that is not below its floor. Anyone replaces a live entry by a newer one.
-- All others are refused: an invalidation may have passed since they read. A refused reader still shows its callers
-- what it read, so the floor is raised first: afterwards the holder cannot show anything older.
--
-- KEYS[1] the entry
-- ARGV    1 stamp  2 payload schema  3 token ('' without a lease)  4 state V or M  5 version
--         6 fresh_ms  7 ttl_ms  8 payload
-- Answer  { stored 1 or 0, state, version, age_ms, fresh_for_ms, payload }: what the key holds now; the payload
--         only if it is not the caller's own

local stamp, schema, token, state, version = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local fresh_ms, ttl_ms, payload = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local now = now_ms()
local entry = read_entry(KEYS[1], stamp)
local leased = is_leased(entry, now)
local holder = leased and entry.token == token
local offered, present = tonumber(version), tonumber(entry.version)

local may_store
if is_live(entry) then
  may_store = offered > present or (holder and offered == present)
else
  may_store = holder and offered >= tonumber(entry.floor)
end

if may_store then
  if holder then
    end_lease(entry)
  elseif leased and offered > tonumber(entry.floor) then
    entry.floor = version
  end
  entry.state, entry.version, entry.schema, entry.payload = state, version, schema, payload
  entry.stored, entry.fresh_until = now, now + fresh_ms
  write_entry(KEYS[1], stamp, entry, ttl_ms)
  return { 1, state, offered, 0, fresh_ms, '' }
end

if holder then
  -- Another reader has read something newer. The lease ends, so that the next reader may try.
  leave_lease(KEYS[1], stamp, entry)
elseif leased and offered > tonumber(entry.floor) then
  entry.floor = version
  write_entry(KEYS[1], stamp, entry, 'KEEPTTL')
end

if is_live(entry) and entry.schema == schema and present > offered then
  return { 0, entry.state, present, now - entry.stored, entry.fresh_until - now, entry.payload }
end
return { 0, 'A', 0, 0, 0, '' }
