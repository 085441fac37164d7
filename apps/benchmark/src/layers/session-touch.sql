-- $1: a session. Reads it and prolongs it, as each request of a signed-in person does.
update public.sessions set expires_at = now() + interval '30 minutes' where id = $1 and expires_at > now() returning data
