-- $1 a version that may have been served, $2 the incarnation that the caller found.
-- Answers began: false if another incarnation had begun meanwhile.
select catalog.begin_incarnation($1::bigint, $2::uuid) as began
