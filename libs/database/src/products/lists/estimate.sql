-- How many rows Postgres expects. The marks are replaced as in page.sql.
explain (format json) select 1 from :tables where :conditions
