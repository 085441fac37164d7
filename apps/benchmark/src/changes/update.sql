-- $1: the id of a product. Changes its price in a transaction of its own.
update catalog.products set price_minor = price_minor + 1 where id = $1
