-- Invalidates many keys with one call, each as `invalidate` does; that script stands in front of this one as a
-- function. A call for each key would cost Redis and the worker several times as much.
--
-- KEYS    the entries
-- ARGV    1 incarnation  2 dead_ms  3 … the version of each
-- Answer  for each key the answer of `invalidate`, or the text of the error if it failed: one key never fails another

local answers = {}
for index, key in ipairs(KEYS) do
  local done, answer = pcall(invalidate, { key }, { ARGV[1], ARGV[index + 2], ARGV[2] })
  answers[index] = done and answer or tostring(type(answer) == 'table' and answer.err or answer)
end
return answers
