import { optionsOf, sessionOptions } from '@catalog/database';
import { withDeadline } from '@catalog/runtime';
import type { ClientConfig } from 'pg';

const keepAlive = {
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '10000',
};

/**
 * A session of its own, past any pooler. Both ends check whether the other is still there: the client by `keepAlive`, the
 * server by these settings. When the network is cut, the session's lock is free after 15 s at most, and not after the hours
 * that a kernel waits by default.
 */
export function directConnection(
  url: string,
  applicationName: string,
  settings: Readonly<Record<string, string>> = {},
) {
  return {
    connectionString: url,
    application_name: applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    connectionTimeoutMillis: 1_000,
    options: `${sessionOptions} ${optionsOf({ ...keepAlive, ...settings })}`,
  } satisfies ClientConfig;
}

/** Closes a session. Waits a moment for the server's answer, which never comes when the network was cut. Never rejects. */
export async function closeSession(
  session: { end(): Promise<void> } | { close(): Promise<void> },
): Promise<void> {
  const close = () => ('end' in session ? session.end() : session.close());
  const late = () => new Error('Postgres did not confirm the end of the session within 500 ms');
  await withDeadline(close, { after_ms: 500, late }).catch(() => undefined);
}
