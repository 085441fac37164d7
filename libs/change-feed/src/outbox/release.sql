-- Gives back changes that could not be dispatched.
-- $1 their seqs
update catalog.outbox set dispatched_at = null where seq = any ($1::bigint[]) and applied_at is null
