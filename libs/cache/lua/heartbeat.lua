-- Publishes a heartbeat. The age of the watermark is measured here, when the message leaves: a worker that was paused
-- between reading the clock and writing to its socket would otherwise announce an old watermark as a new one.
--
-- KEYS none
-- ARGV 1 channel  2 the message up to the age  3 the watermark, in ms of this server's clock
--      4 the master_replid that belongs to the incarnation in the message
-- Answer: the number of subscribers. Error OTHERINCARNATION if the worker takes this server for an earlier incarnation

if is_other_incarnation(ARGV[4]) then
  return redis.error_reply(OTHER_INCARNATION)
end

local time = redis.call('TIME')
local age = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[3])
-- The clock was set back, so the age of the watermark is unknown.
if age < 0 then
  return 0
end
return redis.call('PUBLISH', ARGV[1], ARGV[2] .. string.format('%.0f', age) .. '}')
