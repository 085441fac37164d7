-- $1 SKUs, $2 how many pieces come in, or go out if below zero. The rows exist and are locked.
update catalog.stock s set on_hand = s.on_hand + moved.pieces, updated_at = clock_timestamp()
from unnest($1::text[], $2::integer[]) as moved (sku, pieces)
where s.sku = moved.sku
