-- Inputs: $1 this process. Begins a reading of all products. No row: another process writes the copy.
update catalog.copy_position set cursor = null, round = round + 1 where follower = $1 returning round
