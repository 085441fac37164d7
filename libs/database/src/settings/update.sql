-- $1 patch as a JSON object of columns, $2 expected version or null for any. Answers the updated settings; no row if they
-- have another version.
update catalog.settings s set (store_name, support_email, default_currency, low_stock_threshold, orders_enabled) = (
  select
    patched.store_name, patched.support_email, patched.default_currency, patched.low_stock_threshold,
    patched.orders_enabled
  from jsonb_populate_record(s, $1::jsonb) patched
)
where $2::bigint is null or s.version = $2
returning
  s.store_name as "storeName", s.support_email as "supportEmail", s.default_currency as "defaultCurrency",
  s.low_stock_threshold as "lowStockThreshold", s.orders_enabled as "ordersEnabled", s.version,
  s.updated_at as "updatedAt"
