-- Makes changes unapplied, so that set-aside.sql of the same transaction takes them. Nobody else sees them in between.
-- $1 the places of the rows
update catalog.outbox set applied_at = null, applied_to = null where ctid = any ($1::tid[])
