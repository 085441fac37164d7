-- No inputs. Answers the clock of Postgres in milliseconds since 1970.
select (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::double precision as now_ms
