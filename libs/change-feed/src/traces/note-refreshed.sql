-- Notes that the keys of these changes have been filled again.
-- $1 their seqs
-- Answer: seq and refreshedAt of the changes that had no note yet
insert into catalog.refreshed_changes (seq)
select distinct seq from unnest($1::bigint[]) as seqs (seq)
on conflict (seq) do nothing
returning seq, refreshed_at as "refreshedAt"
