-- $1 the source that is wanted
update catalog.change_slot set wanted = $1 where wanted <> $1
