-- The transaction that applies an import takes its fencing token first.
grant select, insert, update on catalog.fences to catalog_write;
