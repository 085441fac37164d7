-- wrk -s wrk.lua URL -- PATHS START PAUSE [HEADER]
--   PATHS: a file with one path a line; START: the first line to use, from 0; PAUSE: the milliseconds from an answer to the next
--   request of its connection, on average; HEADER: such as "Authorization: Bearer …"
-- Each thread sends the paths in order and begins again at the end. Prints one line of JSON.
-- The requests are made before the run: making them costs as much as sending them.

local threads = {}

function setup(thread)
  thread:set("index", #threads)
  table.insert(threads, thread)
end

function init(args)
  if args[4] then
    local name, value = args[4]:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  requests = {}
  for path in io.lines(args[1]) do requests[#requests + 1] = wrk.format("GET", path) end
  position = tonumber(args[2]) + math.floor(index * #requests / 8)
  local pause = tonumber(args[3])
  -- wrk asks for a delay only if there is such a function. By chance, so that the connections do not all send at once.
  if pause > 0 then delay = function() return math.random(1, 2 * pause - 1) end end
  began = os.clock()
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local e = summary.errors
  -- os.clock is the CPU time of the whole process.
  local cpu = os.clock() - threads[1]:get("began")
  print(string.format(
    '{"requests":%d,"duration_us":%d,"failed":%d,"cpu_us":%d,"p50_us":%d,"p99_us":%d}',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    cpu * 1e6, latency:percentile(50), latency:percentile(99)))
end
