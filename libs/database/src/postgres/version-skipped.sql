-- $1 a version. Answers skipped: whether this database has never drawn it, although it has drawn later ones.
select exists (
  select from catalog.version_gaps where after_version < $1::bigint and $1::bigint <= next_version
) as skipped
