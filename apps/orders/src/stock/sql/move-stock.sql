-- Inputs: $1 product ids, $2 pieces to add, negative to take. The caller has locked the rows, so they exist.
update catalog.stock s set on_hand = s.on_hand + moved.pieces, updated_at = clock_timestamp()
from unnest($1::uuid[], $2::integer[]) as moved (product_id, pieces)
where s.product_id = moved.product_id
