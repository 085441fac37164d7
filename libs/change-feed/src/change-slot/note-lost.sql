-- Changes of the slot may be lost, so no look may use it any more.
-- Answer: a row, unless the loss was noted before
update catalog.change_slot set landed = null, landed_at = null where in_use and landed is not null returning true as noted
