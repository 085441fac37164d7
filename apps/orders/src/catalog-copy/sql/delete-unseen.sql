-- Inputs: $1 round. Deletes the products that a finished reading of all products has not seen.
delete from catalog.copied_products where round < $1
