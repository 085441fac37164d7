-- $1 a version. Answers reached: whether any change has drawn it, or a later one.
select is_called and last_value >= $1::bigint as reached from catalog.versions
