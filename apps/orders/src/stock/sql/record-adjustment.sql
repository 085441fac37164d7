-- Inputs: $1 SKU, $2 delta, $3 reason, $4 caller.
insert into catalog.stock_adjustments (sku, delta, reason, adjusted_by) values ($1, $2, $3, $4)
