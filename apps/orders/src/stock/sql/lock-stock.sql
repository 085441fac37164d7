-- Inputs: $1 SKUs. Locks their rows until the end of the transaction. The locks are taken in the order of the SKUs, so
-- that orders with common SKUs wait for each other and cannot deadlock. Answers sku and onHand of each row.
select s.sku, s.on_hand as "onHand" from catalog.stock s where s.sku = any ($1::text[])
order by s.sku
for no key update
