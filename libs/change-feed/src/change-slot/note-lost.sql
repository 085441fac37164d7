-- Changes of the slot may be lost: no look may go by it any more.
-- Answer: a row, unless that was noted before
update catalog.change_slot set landed = null, landed_at = null where in_use and landed is not null returning true as noted
