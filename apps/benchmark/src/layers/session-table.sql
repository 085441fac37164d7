-- A table of sessions, as a service without Redis keeps them.
create table if not exists public.sessions (
  id text primary key,
  data jsonb not null,
  expires_at timestamptz not null
);
truncate public.sessions;
insert into public.sessions (id, data, expires_at)
select 'session-' || n, jsonb_build_object('user', n, 'role', 'viewer'), now() + interval '30 minutes'
from generate_series(1, 1000) n
