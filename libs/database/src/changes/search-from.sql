-- $1 version. Answers the time from which changes beyond that version can be, as text. An hour less, because the times of two
-- changes may be in another order than their versions.
select (m.changed_at - interval '1 hour')::text as time
from catalog.change_marks m
where m.version <= $1
order by m.version desc, m.changed_at desc
limit 1
