-- Inputs: $1 this process, $2 for how many seconds. Answers cursor, or no row while another process writes the copy.
update catalog.copy_position
set follower = $1, follower_until = clock_timestamp() + make_interval(secs => $2)
where follower = $1 or follower_until < clock_timestamp()
returning cursor
