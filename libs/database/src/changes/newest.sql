-- $1 and $2 the times between which the newest change is searched. Both are constants for the planner, so that it opens only
-- the partitions between them.
-- Answers incarnation, that of Postgres; newest, the newest committed version, or a lower one if none is so young; keptAfter,
-- the version behind which all changes are kept.
select
  (select incarnation::text from catalog.confirm_primary()) as incarnation,
  greatest(
    (select h.version from catalog.product_history h
     where h.changed_at >= $1::timestamptz and h.changed_at < $2::timestamptz
     order by h.version desc limit 1),
    (select m.version from catalog.change_marks m order by m.version desc limit 1)
  ) as newest,
  (select m.version from catalog.change_marks m order by m.marked_at limit 1) as "keptAfter"
