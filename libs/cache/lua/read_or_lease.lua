-- Reads an entry. If the entry cannot be served, or is due for a refresh, one caller gets the lease: the right to fill it.
--
-- KEYS[1] the entry
-- ARGV    1 stamp  2 payload schema of the caller  3 token of the lease, if it is granted  4 lease_ms
--         5 refresh_ahead: the last part of the fresh time in which one caller is asked to refresh, 0 to 1
--         6 the master_replid that belongs to the incarnation
-- Answer  { state, version, age_ms, fresh_for_ms, payload, lease }
--         lease: 1 granted, 0 not needed, -1 needed, but another caller holds it
--         Error OTHERINCARNATION if the caller takes this server for an earlier incarnation

if is_other_incarnation(ARGV[6]) then
  return redis.error_reply(OTHER_INCARNATION)
end

local stamp, schema, token, lease_ms, ahead = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local now = now_ms()
local entry = read_entry(KEYS[1], stamp)

-- A payload of another schema is not shown. It stays for the deploy that can read it.
local readable = entry.schema == schema
local fresh = readable and is_live(entry) and now < entry.fresh_until
local refresh_due = now >= entry.fresh_until - (entry.fresh_until - entry.stored) * ahead

local lease = 0
if not fresh or refresh_due then
  if not is_leased(entry, now) then
    lease = 1
    entry.token, entry.floor, entry.lease_until = token, '0', now + lease_ms
    write_entry(KEYS[1], stamp, entry, entry.found and entry.state ~= 'A' and 'KEEPTTL' or lease_ms)
  elseif not fresh then
    lease = -1
  end
end

if not readable or entry.state == 'A' then
  return { 'A', 0, 0, 0, '', lease }
end
return { entry.state, tonumber(entry.version), now - entry.stored, entry.fresh_until - now, entry.payload, lease }
