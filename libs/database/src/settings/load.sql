-- $1 keys; the one row of settings has the key "app". Answers one row for each: key, "absentVersion" and the columns of the
-- settings. "absentVersion" is null beside the settings, and otherwise the version of their absence as in products/load.sql.
select wanted.key,
  case when s.id is null then coalesce(
    t.version, (select purged.version from catalog.purged_tombstones purged where purged.entity = 'settings'), 0)
  end as "absentVersion",
  s.store_name as "storeName", s.support_email as "supportEmail", s.default_currency as "defaultCurrency",
  s.low_stock_threshold as "lowStockThreshold", s.orders_enabled as "ordersEnabled", s.version,
  s.updated_at as "updatedAt"
from unnest((select $1::text[])) as wanted (key)
left join catalog.settings s on s.id = wanted.key
left join catalog.tombstones t on t.entity = 'settings' and t.key = wanted.key and s.id is null
