-- $1 id or null, $2 how many. Answers the products behind that id, by id: id, version and the time of their last change.
select p.id, p.version, p.updated_at as "changedAt"
from catalog.products p
where $1::uuid is null or p.id > $1
order by p.id
limit $2
