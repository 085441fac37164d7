-- Gives back changes that could not be dispatched. The next claim takes them again.
-- $1 their seqs, $2 their transactions, each once
update catalog.outbox set dispatched_at = null
where transaction_id = any ($2::text[]::xid8[]) and seq = any ($1::bigint[]) and applied_at is null
