-- Inputs: $1 SKU. Answers the stock, or no row if none was ever received.
select s.sku, s.on_hand as "onHand", s.updated_at as "updatedAt" from catalog.stock s where s.sku = $1
