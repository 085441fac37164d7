-- Begins an epoch of the outbox, unless there is one. See catalog.outbox_epoch.
insert into catalog.outbox_epoch default values on conflict do nothing
