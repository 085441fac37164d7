-- Inputs: $1 SKUs, $2 pieces to add, negative to take. The caller has locked the rows, so they exist.
update catalog.stock s set on_hand = s.on_hand + moved.pieces, updated_at = clock_timestamp()
from unnest($1::text[], $2::integer[]) as moved (sku, pieces)
where s.sku = moved.sku
