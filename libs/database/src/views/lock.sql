-- Locks the view counts for this transaction. Answers the batch that was added last; no row while another worker holds the
-- lock. The commit must be on the disk before the batch is deleted from Redis, so it is synchronous.
select last_batch, set_config('synchronous_commit', 'on', true)
from catalog.view_progress
for update skip locked
