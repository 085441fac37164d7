import type { Pool } from '@catalog/database';
import pg from 'pg';

/** Each session has its own connection. It updates one random row after the other, each in its own transaction. */
export const clients = 16;

interface UpdateLoad {
  readonly pool: Pool;
  /** Of the same database. */
  readonly url: string;
  readonly table: string;
  /** How many rows of the table are updated. */
  readonly rows: number;
  /** Statements that each session runs first. */
  readonly settings: string;
  readonly duration_s: number;
  /** Called with the Postgres processes of the sessions, before they begin. */
  readonly onSessions?: (pids: readonly number[]) => Promise<unknown>;
}

/** @returns commits per second */
export async function updatesPerSecond({
  pool,
  url,
  table,
  rows,
  settings,
  duration_s,
  onSessions,
}: UpdateLoad): Promise<number> {
  const { rows: found } = await pool.query<{ id: string }>(
    `select id from ${table} order by id limit ${rows}`,
  );
  const ids = found.map(({ id }) => id);
  const sessions = Array.from({ length: clients }, () => new pg.Client({ connectionString: url }));
  try {
    await Promise.all(sessions.map((client) => client.connect()));
    const pids: number[] = [];
    for (const client of sessions) {
      await client.query(settings);
      pids.push(Number((await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid));
    }
    await onSessions?.(pids);
    const update = {
      name: 'update',
      text: `update ${table} set price_minor = price_minor + 1 where id = $1`,
    };
    const began_ms = performance.now();
    const commits = await Promise.all(
      sessions.map(async (client) => {
        let committed = 0;
        for (; performance.now() - began_ms < duration_s * 1000; committed++) {
          await client.query({ ...update, values: [ids[Math.floor(Math.random() * ids.length)]] });
        }
        return committed;
      }),
    );
    const took_s = (performance.now() - began_ms) / 1000;
    return commits.reduce((sum, committed) => sum + committed, 0) / took_s;
  } finally {
    await Promise.all(sessions.map((client) => client.end()));
  }
}
