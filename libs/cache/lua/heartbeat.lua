-- Publishes a heartbeat with the age of the watermark, by the larger of two clocks.
--
-- This server's clock counts until the message leaves. So a worker that was paused between reading its own clock and
-- writing to its socket does not announce an old watermark as a new one. But this server's clock may be set back, and
-- would then count too little. The worker's own clock only goes forward.
--
-- KEYS none
-- ARGV 1 channel  2 the message up to the age  3 the watermark, in ms of this server's clock
--      4 the age of the watermark by the worker's own clock, in ms
--      5 the master_replid that belongs to the incarnation in the message
-- Answer: the number of subscribers. Error OTHERINCARNATION if the worker takes this server for an earlier incarnation

if is_other_incarnation(ARGV[5]) then
  return redis.error_reply(OTHER_INCARNATION)
end

local time = redis.call('TIME')
local age = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[3])
-- The clock was set back so far that its age could hide the pause of a worker.
if age < 0 then
  return 0
end
age = math.max(age, math.ceil(tonumber(ARGV[4])))
return redis.call('PUBLISH', ARGV[1], ARGV[2] .. string.format('%.0f', age) .. '}')
