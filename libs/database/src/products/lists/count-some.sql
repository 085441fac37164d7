-- How many rows match, counted up to :most. The other marks are replaced as in page.sql.
select count(*)::int as "counted" from (select 1 from :tables where :conditions limit :most) as matching
