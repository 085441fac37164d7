/** A row with a server whose defaults are unusual. */
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { Client } from 'pg';
import { call } from '../load/call.ts';
import { writeProduct } from '../load/product-write.ts';
import type { System } from '../system/system.ts';
import { missManyAtOnce } from './read-uncached.ts';
import type { Row } from './row.ts';

/** Settings of a server that our code must not depend on. */
const unusual: Readonly<Record<string, string>> = {
  datestyle: 'SQL, DMY',
  timezone: 'Asia/Kolkata',
  intervalstyle: 'sql_standard',
  bytea_output: 'escape',
  default_transaction_isolation: 'serializable',
};

async function endSessions({ sql }: System): Promise<void> {
  await sql.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = 'catalog' and pid <> pg_backend_pid() and application_name <> 'fault suite'`,
  );
}

/** The setting in a session that sets nothing itself. */
async function plainSessionShows(system: System, setting: string): Promise<string | undefined> {
  const client = new Client({ connectionString: await system.stack.databaseUrl() });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, string>>(`show ${setting}`);
    return Object.values(rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

export const serverSettingsRow: Row = {
  id: '64',
  fault: 'a server with unusual settings',
  injected: `ALTER SYSTEM SET ${Object.entries(unusual)
    .map(([name, value]) => `${name} = '${value}'`)
    .join(', ')}; all sessions begin anew`,
  async inject(stage) {
    const { system, keys, patience, expect } = stage;
    const { sql } = system;
    try {
      for (const [name, value] of Object.entries(unusual))
        await sql.query(`alter system set ${name} = '${value}'`);
      await sql.query('select pg_reload_conf()');
      await eventually(async () => (await plainSessionShows(system, 'datestyle')) === unusual['datestyle']);
      await endSessions(system);
      await pause(Math.max(4_000, 10_000 * patience));
      const { said } = await missManyAtOnce(stage);
      expect(said.length === 0, `uncached reads succeed (${said.slice(0, 3).join('; ')})`);
      const path = `/${keys.lasting[0]}`;
      const written = await writeProduct(system, 'PATCH', path, { priceMinor: 8 }, { 'if-match': '*' });
      expect(written.status === 200, `a write succeeds (${written.status})`);
      const { updatedAt = '' } = JSON.parse(written.body) as { updatedAt?: string };
      const age_ms = Date.now() - Date.parse(updatedAt);
      expect(Math.abs(age_ms) < 60_000, `it shows its time in ISO form (${updatedAt})`);
      for (const service of ['catalog-read', 'catalog-write', 'invalidation-worker', 'orders'] as const) {
        const { status, body } = await call(undefined, 'GET', `${system.stack.url(service)}/readyz`);
        expect(status === 200, `${service} is ready (${body})`);
      }
    } finally {
      for (const name of Object.keys(unusual)) await sql.query(`alter system reset ${name}`);
      await sql.query('select pg_reload_conf()');
      await endSessions(system);
    }
  },
};
