-- $1 id. Answers the version of the product; no row if there is none.
select p.version from catalog.products p where p.id = $1
