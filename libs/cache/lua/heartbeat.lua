-- Publishes a heartbeat. The age of the watermark is measured here, when the message leaves: a worker that was
-- paused between reading its clock and writing to its socket would else announce an old watermark as new.
--
-- KEYS none
-- ARGV 1 channel  2 the message up to the age  3 the watermark, in ms of this server's clock
--      4 the master_replid that the incarnation in the message stands for
-- Answer: the number of subscribers. Error OTHERLIFE where the server is no longer what the worker takes it for

if is_other_life(ARGV[4]) then
  return redis.error_reply(OTHER_LIFE)
end

local time = redis.call('TIME')
local age = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[3])
-- The clock was set back: nothing can be said of the watermark's age.
if age < 0 then
  return 0
end
return redis.call('PUBLISH', ARGV[1], ARGV[2] .. string.format('%.0f', age) .. '}')
