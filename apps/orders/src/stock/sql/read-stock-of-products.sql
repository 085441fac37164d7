-- Inputs: $1 product ids. Answers a row for each product that ever received stock, ordered by id.
select s.product_id as "productId", s.on_hand as "onHand", s.updated_at as "updatedAt"
from catalog.stock s where s.product_id = any ($1::uuid[]) order by s.product_id
