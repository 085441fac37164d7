-- $1 version. Answers reached: whether some change has drawn this version or a later one.
select is_called and last_value >= $1::bigint as reached from catalog.versions
