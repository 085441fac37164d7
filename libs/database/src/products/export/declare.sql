-- A cursor over the products of an export, by id. The marks are replaced by fixed text of lists/filter.ts.
declare exported no scroll cursor for
select
  p.sku, p.name, p.description, p.brand, p.category, p.gtin, p.weight_grams, p.length_mm, p.width_mm, p.height_mm,
  p.price_minor, p.currency, p.status, p.attributes
from :tables
where :conditions
order by p.id
