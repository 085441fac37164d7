-- $1 first days of months, as dates. Answers month, currency, "revenueMinor" and the number of orders that were completed
-- in each month, in UTC; no row for a month without sales. Each month is a range of the index by completion.
-- A revenue of null is more than 2^53 - 1: one month with a sum that no number holds must not fail the others.
select
  to_char(wanted.month, 'YYYY-MM') as month, o.currency,
  case when sum(o.total_minor) <= 9007199254740991 then sum(o.total_minor)::bigint end as "revenueMinor", count(*) as orders
from unnest($1::date[]) as wanted (month)
join catalog.orders o
  on o.status = 'completed'
  and o.completed_at >= wanted.month::timestamp at time zone 'UTC'
  and o.completed_at < (wanted.month + interval '1 month') at time zone 'UTC'
group by wanted.month, o.currency
order by wanted.month, o.currency
