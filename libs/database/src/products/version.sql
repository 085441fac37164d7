-- $1 id. Answers the version of the product, or no row.
select p.version from catalog.products p where p.id = $1
