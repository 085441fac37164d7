import { once } from 'node:events';
import { withDeadline } from '@catalog/runtime';
import { Client, type ClientBase, type Pool } from 'pg';
import { createPool, type PoolOptions } from './pool.ts';
import { requireDirect } from './direct.ts';
import { confirmPrimary, type Primary } from './primary.ts';
import { requireSettings } from './required-settings.ts';

/**
 * A pool whose sessions are all on the primary, in one incarnation.
 *
 * A new session proves that first, and is refused otherwise: a name or a port may lead to a lagging standby. When a new
 * session finds another incarnation than the older sessions have, the older ones are cut: they are on a server that has
 * failed over, or on data that is no longer the database.
 */
export interface ServicePool extends Pool {
  /**
   * The incarnation that a session of its own finds now. A session of the pool could not tell: it may have stayed on a
   * server that everybody else has left.
   */
  currentIncarnation(): Promise<string>;
  /** Calls the listener when a session finds another incarnation than the sessions before it. */
  onIncarnation(listener: IncarnationListener): void;
}

/** `before` is what the sessions before it had found. With the same facts, the worker has begun the incarnation. */
export type IncarnationListener = (primary: Primary, before: Primary) => void;

export interface ServicePoolOptions extends PoolOptions {
  readonly log?: PoolOptions['log'] & { warn?(details: object, message: string): void };
  /** Its users hold something that belongs to a session: a temporary table, a lock. A session of a pooler is refused. */
  readonly isDirect?: boolean;
}

/** For every service. Needs a migrated database. See `createPool`. */
export function createServicePool(options: ServicePoolOptions): ServicePool {
  const sessions = new Map<ClientBase, string>();
  const listeners: IncarnationListener[] = [];
  let questions = 0;
  let current: { readonly primary: Primary; readonly question: number } | undefined;

  /** @returns false if a later question has found another incarnation meanwhile */
  const found = async (primary: Primary, question: number): Promise<boolean> => {
    const { incarnation, facts, began } = primary;
    const before = current?.primary;
    if (began) options.log?.warn?.({ incarnation, facts }, 'Postgres failed over, or was restored or copied');
    if (current !== undefined && question < current.question)
      return incarnation === current.primary.incarnation;
    current = { primary, question };
    if (before === undefined || before.incarnation === incarnation) return true;
    options.log?.warn?.(
      { incarnation, before: before.incarnation },
      'this is another incarnation of Postgres',
    );
    const old = [...sessions].filter(([, sessionIncarnation]) => sessionIncarnation !== incarnation);
    await Promise.all(old.map(([session]) => cut(session)));
    for (const listener of listeners) listener(primary, before);
    return true;
  };

  const pool = createPool({
    ...options,
    async onConnect(client) {
      const question = (questions += 1);
      if (options.isDirect === true) await requireDirect(client);
      await requireSettings(client);
      const primary = await confirmPrimary(client);
      if (!(await found(primary, question)))
        throw new Error('another incarnation of Postgres has begun meanwhile');
      sessions.set(client, primary.incarnation);
    },
  });
  pool.on('remove', (client) => sessions.delete(client));

  return Object.assign(pool, {
    async currentIncarnation() {
      const question = (questions += 1);
      const primary = await askAnew(options);
      await found(primary, question);
      // A later question may have found another one meanwhile.
      return current?.primary.incarnation ?? primary.incarnation;
    },
    onIncarnation(listener: IncarnationListener) {
      listeners.push(listener);
    },
  });
}

async function askAnew({ url, applicationName, connectTimeout_ms = 2_000 }: PoolOptions): Promise<Primary> {
  const client = new Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: connectTimeout_ms,
  });
  // The query in flight reports the same error.
  client.on('error', () => {});
  try {
    await client.connect();
    return await confirmPrimary(client);
  } finally {
    // If the network was cut, the answer of the server never comes.
    const late = () => new Error('the session did not end within 500 ms');
    await withDeadline(() => client.end(), { after_ms: 500, late }).catch(() => undefined);
  }
}

/** Returns when the pool has dropped the session. What runs on it fails, as in any failover. */
async function cut(session: ClientBase): Promise<void> {
  const { connection } = session as unknown as { connection: { stream: { destroy(): void } } };
  const ended = once(session, 'end');
  connection.stream.destroy();
  await ended.catch(() => undefined);
}
