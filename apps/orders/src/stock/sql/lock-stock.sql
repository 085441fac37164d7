-- Inputs: $1 product ids. Locks their rows until the end of the transaction. The locks are taken in the order of the ids, so
-- that orders with common products wait for each other and cannot deadlock. Answers productId and onHand of each row.
select s.product_id as "productId", s.on_hand as "onHand" from catalog.stock s where s.product_id = any ($1::uuid[])
order by s.product_id
for no key update
