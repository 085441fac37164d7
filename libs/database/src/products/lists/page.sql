-- One page. The marks are replaced by fixed text of lists/page.ts and lists/filter.ts, the values of the caller are bound.
-- First the keys of the page, in the order of an index where there is one; then the rows of these keys.
--   :limit   rows of the page, and one more
--   :most    how many keys are counted for the total: in a search more than one page, because its index returns them all anyway
--   :size    what the large columns of a row take, in bytes
--   :room    the page ends before a row if the rows before that one take more
-- It is not prepared: Postgres plans each call and knows the values, so that every filter uses its own index.
with hit as materialized (
  select page.* from :spread lateral (
    select p.id, :keys from :tables where :conditions order by :order limit :most
  ) as page
  order by :page_order limit :most
), page as (
  select hit.*, row_number() over (order by :page_order) as place from hit order by :page_order limit :limit
), found as (
  select (select count(*) from hit)::int as "counted", p.id as "pageId", :key_texts, :columns, page.place,
    sum(:size) over (order by page.place rows between unbounded preceding and 1 preceding) as before
  from page join catalog.products p on p.id = page.id
)
select * from found where coalesce(before, 0) <= :room order by place
