-- No inputs. Answers id, name and checksum of the applied migrations, in order.
select id, name, checksum from catalog.migrations order by id
