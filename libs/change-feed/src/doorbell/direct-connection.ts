import type { ClientConfig } from 'pg';

/**
 * A session of our own, past any pooler. Both ends look whether the other is still there: the client by `keepAlive`, the
 * server by these settings, so that a session whose network was cut gives back its lock within 15 s, not after the hours
 * that a kernel waits by default.
 */
export function directConnection(url: string, applicationName: string) {
  return {
    connectionString: url,
    application_name: applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    connectionTimeoutMillis: 1_000,
    options:
      '-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=10000',
  } satisfies ClientConfig;
}

/** Says goodbye, and waits a moment for the answer, which never comes where the network was cut. */
export async function endAtOnce(
  session: { end(): Promise<void> } | { close(): Promise<void> },
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, 500);
  });
  const ended = 'end' in session ? session.end() : session.close();
  await Promise.race([ended.catch(() => undefined), late]);
  clearTimeout(timer);
}
