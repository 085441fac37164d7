-- Tables like products. One draws versions and records no change; the other has the change feed, but not the history of products.
create table catalog.unfed (like catalog.products including all) with (fillfactor = 85);
create function catalog.only_draw_version() returns trigger language plpgsql as $$
begin
  if old operator(pg_catalog.*=) new then
    return new;
  end if;
  new.version := nextval('catalog.versions');
  new.updated_at := clock_timestamp();
  return new;
end
$$;
create trigger draw_version before update on catalog.unfed for each row execute function catalog.only_draw_version();

create table catalog.fed (like catalog.products including all) with (fillfactor = 85);
call catalog.track_changes('catalog.fed', 'product');

insert into catalog.unfed (sku, name, description, brand, category, price_minor, currency, version, updated_at)
select 'S-' || n, 'Product ' || n, repeat('x', 200), 'Brand ' || n % 500, 'category-' || n % 50, 100, 'EUR', 0, now()
from generate_series(1, 8000) n;
insert into catalog.fed select * from catalog.unfed;
