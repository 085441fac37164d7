-- Keeps the highest version that any worker has applied, and the highest WAL position that any has seen, beyond a restart of
-- the workers. A WAL position counts within one incarnation of Postgres only, because another timeline begins at a lower one.
--
-- KEYS[1] a hash: version, incarnation, wal
-- ARGV 1 version  2 incarnation, or '' to read only  3 WAL position
-- Answer { version, incarnation, wal }, as strings: what is kept now

local version = math.max(tonumber(redis.call('HGET', KEYS[1], 'version') or 0), tonumber(ARGV[1]))
local incarnation = redis.call('HGET', KEYS[1], 'incarnation') or ''
local wal = tonumber(redis.call('HGET', KEYS[1], 'wal') or 0)
if ARGV[2] ~= '' then
  wal = incarnation == ARGV[2] and math.max(wal, tonumber(ARGV[3])) or tonumber(ARGV[3])
  incarnation = ARGV[2]
  redis.call('HSET', KEYS[1], 'version', string.format('%.0f', version), 'incarnation', incarnation,
    'wal', string.format('%.0f', wal))
end
return { string.format('%.0f', version), incarnation, string.format('%.0f', wal) }
