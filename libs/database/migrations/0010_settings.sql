-- Settings of the store: one row, with the key "app".
create table catalog.settings (
  id text primary key default 'app' constraint settings_one_row check (id = 'app'),
  store_name text not null
    constraint settings_store_name_length check (catalog.is_required_text(store_name, 200))
    constraint settings_store_name_one_line check (store_name !~ '[\t\n\r]'),
  support_email text
    constraint settings_support_email_length check (length(support_email) <= 254)
    -- The form that the contract's schema asks for.
    constraint settings_support_email_form check (support_email ~
      '^([A-Za-z0-9_''+-]+\.)*[A-Za-z0-9_''+-]*[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}$'),
  default_currency text not null constraint settings_default_currency_known check (catalog.is_currency(default_currency)),
  low_stock_threshold integer not null
    constraint settings_low_stock_threshold_range check (low_stock_threshold between 0 and 1000000),
  orders_enabled boolean not null,
  version bigint not null,
  updated_at timestamptz not null
);
call catalog.track_changes('catalog.settings', 'settings');
grant select on catalog.settings to catalog_read, catalog_write, invalidation_worker;
grant update on catalog.settings to catalog_write;

insert into catalog.settings (store_name, support_email, default_currency, low_stock_threshold, orders_enabled)
values ('Product catalog', null, 'EUR', 10, true);
