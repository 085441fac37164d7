-- Whether the record r would change the product p. A field that the record leaves out stays as it is.
(p.name, p.description, p.brand, p.category, p.gtin, p.weight_grams, p.length_mm, p.width_mm, p.height_mm,
 p.price_minor, p.currency, p.status, p.attributes)
is distinct from
(coalesce(r.name, p.name), coalesce(r.description, p.description), coalesce(r.brand, p.brand),
 coalesce(r.category, p.category), case when r.given & 1 = 0 then p.gtin else r.gtin end,
 case when r.given & 2 = 0 then p.weight_grams else r.weight_grams end,
 case when r.given & 4 = 0 then p.length_mm else r.length_mm end,
 case when r.given & 8 = 0 then p.width_mm else r.width_mm end,
 case when r.given & 16 = 0 then p.height_mm else r.height_mm end, coalesce(r.price_minor, p.price_minor),
 coalesce(r.currency, p.currency), coalesce(r.status, p.status), coalesce(r.attributes, p.attributes))
