-- $1 a position in bytes
-- Answer: a row if every change that was committed before is in the outbox
select from catalog.change_slot where not in_use or landed >= '0/0'::pg_lsn + $1::numeric
