-- Inputs: $1 product id. Answers its stock, or no row if none was ever received.
select s.on_hand as "onHand", s.updated_at as "updatedAt" from catalog.stock s where s.product_id = $1
