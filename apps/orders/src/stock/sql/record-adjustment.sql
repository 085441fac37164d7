-- Inputs: $1 product id, $2 SKU, $3 delta, $4 reason, $5 caller.
insert into catalog.stock_adjustments (product_id, sku, delta, reason, adjusted_by) values ($1, $2, $3, $4, $5)
