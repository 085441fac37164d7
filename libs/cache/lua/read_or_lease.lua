-- Reads an entry; where it cannot be served, or soon can not, gives the caller the right to fill it.
--
-- KEYS[1] the entry
-- ARGV    1 incarnation  2 payload schema of the caller  3 token of the lease it would get  4 lease_ms
--         5 refresh_ahead: the last part of the fresh life in which one caller is asked to refresh, 0 to 1
--         6 the master_replid that the incarnation stands for
-- Answer  { state, version, age_ms, fresh_for_ms, payload, lease }
--         lease: 1 granted, 0 not needed, -1 needed, but held by another
--         Error OTHERLIFE where the server is no longer what the caller takes it for

if is_other_life(ARGV[6]) then
  return redis.error_reply(OTHER_LIFE)
end

local incarnation, schema, token, lease_ms, ahead = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local now = now_ms()
local entry = read_entry(KEYS[1], incarnation)

-- A payload of another schema is not shown. It stays for those who can read it.
local readable = entry.schema == schema
local fresh = readable and is_live(entry) and now < entry.fresh_until
local refresh_due = now >= entry.fresh_until - (entry.fresh_until - entry.stored) * ahead

local lease = 0
if not fresh or refresh_due then
  if not is_leased(entry, now) then
    lease = 1
    entry.token, entry.floor, entry.lease_until = token, '0', now + lease_ms
    write_entry(KEYS[1], incarnation, entry, entry.found and entry.state ~= 'A' and 'KEEPTTL' or lease_ms)
  elseif not fresh then
    lease = -1
  end
end

if not readable or entry.state == 'A' then
  return { 'A', 0, 0, 0, '', lease }
end
return { entry.state, tonumber(entry.version), now - entry.stored, entry.fresh_until - now, entry.payload, lease }
