-- No inputs. Answers identity: system identifier, database and current timeline. After a promotion the control file shows
-- the old timeline for a while. The name of the current WAL file shows the new one at once.
select concat_ws(
  ':',
  (select system_identifier from pg_control_system()),
  (select oid from pg_database where datname = current_database()),
  case
    when pg_is_in_recovery() then 'standby-' || (select timeline_id from pg_control_checkpoint())
    else left(pg_walfile_name(pg_current_wal_lsn()), 8)
  end
) as identity
