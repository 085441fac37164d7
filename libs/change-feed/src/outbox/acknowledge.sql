-- Marks changes as applied to one incarnation of the cache; none if another is registered meanwhile, so that a
-- worker still writing to a Redis of a former life cannot make anyone believe that changes were applied.
-- $1 their seqs, $2 the incarnation
-- Answer: whether the incarnation is the registered one
with registered as (
  select from catalog.cache_incarnation where incarnation = $2
), applied as (
  update catalog.outbox set applied_at = clock_timestamp(), applied_to = $2
  where seq = any ($1::bigint[]) and applied_at is null and exists (select from registered)
)
select exists (select from registered) as accepted
