import { Client, type ClientBase } from 'pg';

/** The session leads through a pooler. Its user needs a session of its own, for a lock, LISTEN or a temporary table. */
export class PooledSession extends Error {
  override readonly name = 'PooledSession';

  constructor() {
    super(
      'the connection leads through a pooler in transaction mode, which cannot carry LISTEN, advisory locks or temporary ' +
        'tables: DATABASE_DIRECT_URL must lead to Postgres itself',
    );
  }
}

/**
 * At the start of a connection Postgres sends the number of the process that serves it. A pooler sends an invented number.
 *
 * @throws PooledSession if another process answers
 */
export async function requireDirect(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  if (rows[0]?.pid !== (client as ClientBase & { processID: number | null }).processID)
    throw new PooledSession();
}

/**
 * For the start of a service. A Postgres that does not answer is no error: each session of the service asks again.
 *
 * @throws PooledSession
 */
export async function refusePooler(url: string, applicationName: string): Promise<void> {
  const client = new Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: 2_000,
    query_timeout: 2_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await requireDirect(client);
  } catch (error) {
    if (error instanceof PooledSession) throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}
