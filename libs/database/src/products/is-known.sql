-- $1 id. Answers known: whether the product exists, or has left a tombstone.
select exists (select from catalog.products p where p.id = $1)
  or exists (select from catalog.tombstones t where t.entity = 'product' and t.key = $1::uuid::text) as known
