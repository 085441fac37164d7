-- No inputs. Answers one row: the settings, or, if they were deleted, nulls and the version of their tombstone.
select
  s.store_name as "storeName", s.support_email as "supportEmail", s.default_currency as "defaultCurrency",
  s.low_stock_threshold as "lowStockThreshold", s.orders_enabled as "ordersEnabled", s.version,
  s.updated_at as "updatedAt", t.version as "tombstoneVersion"
from (values ('app')) as wanted (key)
left join catalog.settings s on s.id = wanted.key
left join catalog.tombstones t on t.entity = 'settings' and t.key = wanted.key and s.id is null
