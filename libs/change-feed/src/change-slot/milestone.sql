-- Writes a milestone into the slot.
-- Answer: milestone, its position in bytes; no row while the slot is not in use
select catalog.write_milestone() as milestone from catalog.change_slot where in_use
