-- No inputs. Answers identity: system identifier, database and current timeline. The control file still shows the old
-- timeline for a while after a promotion; the name of the WAL file being written shows the new one at once.
select concat_ws(
  ':',
  (select system_identifier from pg_control_system()),
  (select oid from pg_database where datname = current_database()),
  case
    when pg_is_in_recovery() then 'standby-' || (select timeline_id from pg_control_checkpoint())
    else left(pg_walfile_name(pg_current_wal_lsn()), 8)
  end
) as identity
