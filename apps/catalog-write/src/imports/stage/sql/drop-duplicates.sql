-- Keeps only the first of the records with the same SKU. Inputs: $1 how many dropped records to list.
-- Answers: how many were dropped, and for each listed one its line and the earlier line with the same SKU.
with numbered as (
  select line, first_value(line) over same_sku as first_line
  from pg_temp.import_rows
  window same_sku as (partition by sku order by line)
),
dropped as (
  delete from pg_temp.import_rows r using numbered n
  where r.line = n.line and n.line <> n.first_line
  returning r.line, r.sku, n.first_line
)
select count(*) over () as total, line, sku, first_line as "firstLine" from dropped order by line limit $1
