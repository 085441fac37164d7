/** Changes of the schema while the services run. */
import { migrate } from '@catalog/database';
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { Client } from 'pg';
import { writeProduct } from '../load/product-write.ts';
import type { System } from '../system/system.ts';
import { missManyAtOnce } from './read-uncached.ts';
import type { Row } from './row.ts';

/** It takes the lock that stops all traffic on the table, and changes nothing. */
const alterProducts = "alter table catalog.products alter column description set default ''";

/** The migrations that the database has, and one more. Of those that it has, `migrate` compares only the names. */
async function withOneMore({ sql }: System) {
  const { rows } = await sql.query<{ id: number; name: string; checksum: string }>(
    'select id, name, checksum from catalog.migrations order by id',
  );
  const id = rows.length + 1;
  return [
    ...rows.map((row) => ({ ...row, sql: '' })),
    { id, name: 'fault_row_61', checksum: 'fault_row_61', sql: alterProducts },
  ];
}

/** Shows on a table of its own what a waiting ALTER does: a read that comes later waits behind it. */
async function readBehindAWaitingAlter({ sql }: System): Promise<string> {
  await sql.query('create table public.fault_row_61 ()');
  const [holder, altering, reading] = await Promise.all([sql.connect(), sql.connect(), sql.connect()]);
  try {
    await holder.query('begin; select from public.fault_row_61');
    await altering.query("set lock_timeout = '3s'");
    const waiting = altering.query('alter table public.fault_row_61 add column a int').catch(() => undefined);
    await eventually(async () => {
      const { rows } = await holder.query(
        "select from pg_locks where relation = 'public.fault_row_61'::regclass and not granted",
      );
      return rows.length > 0;
    });
    await reading.query("set statement_timeout = '1s'");
    const said = await reading.query('select from public.fault_row_61').then(
      () => 'answered',
      (error: { code?: string }) => String(error.code),
    );
    await holder.query('rollback');
    await waiting;
    return said;
  } finally {
    for (const client of [holder, altering, reading]) client.release(true);
    await sql.query('drop table public.fault_row_61');
  }
}

const columnTypes = ['timestamptz', 'catalog.moment'];

export const schemaChangeRows: readonly Row[] = [
  {
    id: '61',
    fault: 'a migration waits for a long transaction',
    injected:
      'a transaction that has read the products stays open, and a migration takes the exclusive lock of that table; ' +
      'beside it, an ALTER that just waits, on a table of its own',
    async inject(stage) {
      const { system, load, patience, observe, expect } = stage;
      const control = await readBehindAWaitingAlter(system);
      expect(control === '57014', `control: a read waits behind an ALTER that waits (${control})`);
      const holder = await system.sql.connect();
      const told: { blockers?: { application?: string }[] }[] = [];
      const from = load.history.length;
      try {
        await holder.query('begin; select from catalog.products limit 1');
        let isDone = false;
        const migrating = migrate(await system.stack.databaseUrl(), {
          migrations: await withOneMore(system),
          log: { info: (details) => void told.push(details) },
        }).finally(() => (isDone = true));
        migrating.catch(() => undefined);
        await pause(Math.max(5_000, 30_000 * patience));
        expect(!isDone, 'the migration waits while the transaction is open');
        await holder.query('rollback');
        await migrating;
      } finally {
        holder.release(true);
        await system.sql.query("delete from catalog.migrations where name = 'fault_row_61'");
      }
      const writes = load.history.slice(from).filter(({ kind }) => kind !== 'read');
      const failed = writes.filter(({ outcome, said }) => outcome === 'unknown' || said === '409').length;
      const slowest_ms = Math.max(0, ...writes.map(({ start_ms, end_ms }) => end_ms - start_ms));
      const tries = told.filter(({ blockers }) => blockers !== undefined);
      observe(
        `${tries.length} tries gave up waiting for the lock; ${failed} of ${writes.length} writes failed, the slowest took ${slowest_ms.toFixed(0)} ms`,
      );
      expect(
        tries.some(({ blockers }) => blockers?.some(({ application }) => application === 'fault suite')),
        'its log names the session that holds the lock',
      );
      expect(writes.length > 50 && failed === 0, 'no write fails while the migration waits');
    },
  },
  {
    id: '63',
    fault: 'a column changes its type beside warm pools',
    injected:
      'ALTER TABLE catalog.products ALTER COLUMN created_at TYPE, there and back, between reads of uncached keys',
    async inject(stage) {
      const { system, keys, observe, expect } = stage;
      await missManyAtOnce(stage);
      const warm = new Client({ connectionString: await system.stack.databaseUrl() });
      await warm.connect();
      const text = 'select created_at from catalog.products limit 1';
      try {
        await warm.query({ name: 'warm', text });
        for (const type of columnTypes) {
          await system.sql.query(`alter table catalog.products alter column created_at type ${type}`);
          const { asked, said } = await missManyAtOnce(stage);
          observe(`as ${type}: ${said.length} of ${asked} reads failed`);
          expect(asked >= 100 && said.length === 0, `no read fails (${said.slice(0, 3).join('; ')})`);
          const written = await writeProduct(
            system,
            'PATCH',
            `/${keys.lasting[0]}`,
            { priceMinor: 7 },
            { 'if-match': '*' },
          );
          expect(written.status === 200, `a write succeeds (${written.status})`);
          if (type !== columnTypes[0]) continue;
          const control = await warm.query({ name: 'warm', text }).then(
            () => 'answered',
            (error: { code?: string }) => String(error.code),
          );
          expect(control === '0A000', `control: a warm session has a stale plan (${control})`);
        }
      } finally {
        await warm.end();
      }
    },
  },
];
