-- No inputs. Answers what was applied, in order: id, name, checksum.
select id, name, checksum from catalog.migrations order by id
