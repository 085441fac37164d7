-- Invalidates many keys with one call, each as `invalidate` does; that script stands in front of this one as a
-- function. A call for each key would cost Redis and the worker several times as much.
--
-- KEYS    the entries
-- ARGV    1 incarnation  2 dead_ms  3 … the version of each
-- Answer  for each key the answer of `invalidate`, or -1 if it failed: one key never fails another

local answers = {}
for index, key in ipairs(KEYS) do
  local done, answer = pcall(invalidate, { key }, { ARGV[1], ARGV[index + 2], ARGV[2] })
  answers[index] = done and answer or -1
end
return answers
