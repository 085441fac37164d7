-- Invalidates many keys with one call, each as `invalidate` does, which stands in front of this as a function of KEYS
-- and ARGV. A call for each key would cost Redis and the worker several times as much.
--
-- KEYS    the entries
-- ARGV    1 incarnation  2 dead_ms  3 … the version of each
-- Answer  for each what `invalidate` answers, or -1 where it failed: no key takes another with it

local answers = {}
for index, key in ipairs(KEYS) do
  local done, answer = pcall(invalidate, { key }, { ARGV[1], ARGV[index + 2], ARGV[2] })
  answers[index] = done and answer or -1
end
return answers
