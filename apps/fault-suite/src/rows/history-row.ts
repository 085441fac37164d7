/** A row in which days of history expire while a dump reads them. */
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { ownWorker } from '../system/own-worker.ts';
import type { System } from '../system/system.ts';
import type { Row } from './row.ts';

/** Rows of each expired day. An hourly delete of 5,000 rows would keep most of them. */
const rowsPerDay = 20_000;
const expiredDays = [400, 401, 402];

async function count({ sql }: System, condition: string): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    `select count(*)::int as count from catalog.product_history where ${condition}`,
  );
  return rows[0]?.count ?? -1;
}

/** As the worker does: when another session holds the lock, the statement fails and is tried again. */
async function makePartitions({ sql }: System): Promise<void> {
  for (let made = 1; made > 0;) {
    const { rows } = await sql
      .query<{ made: number }>('select catalog.make_history_partitions(30) as made')
      .catch((error: { code?: string }) => {
        if (error.code === '55P03') return { rows: [{ made: 1 }] };
        throw error;
      });
    made = rows[0]?.made ?? 0;
  }
}

const isExpired = "changed_at < clock_timestamp() - interval '399 days'";
const isInDefault = "tableoid = 'catalog.product_history_default'::regclass";

export const historyRow: Row = {
  id: '67',
  fault: 'days of history expire while a dump reads them',
  injected:
    `${expiredDays.length} expired days of ${rowsPerDay} changes each; a session holds the lock of ` +
    'pg_dump when the worker comes to drop them',
  async inject({ system, load, patience, observe, expect }) {
    await system.sql.query(
      `insert into catalog.product_history (product_id, version, operation, changed_by, changed_at)
       select gen_random_uuid(), n, 'create', 'fault suite', clock_timestamp() - make_interval(days => day)
       from unnest($1::int[]) as days (day), generate_series(1, $2) as n`,
      [expiredDays, rowsPerDay],
    );
    const inDefault = await count(system, isInDefault);
    await makePartitions(system);
    const before = await count(system, isExpired);
    const dump = await system.sql.connect();
    let during = 0;
    const from = load.history.length;
    try {
      await dump.query('begin; lock table catalog.product_history in access share mode');
      await using worker = await ownWorker(system);
      await worker.start();
      await pause(Math.max(3_000, 10_000 * patience));
      during = await count(system, isExpired);
      await dump.query('rollback');
      await eventually(async () => (await count(system, isExpired)) === 0, {
        timeout_ms: 40_000,
        interval_ms: 200,
      }).catch(() => undefined);
    } finally {
      dump.release(true);
    }
    const after = await count(system, isExpired);
    const writes = load.history.slice(from).filter(({ kind }) => kind !== 'read');
    const failed = writes.filter(({ outcome }) => outcome === 'unknown').length;
    const slowest_ms = Math.max(0, ...writes.map(({ start_ms, end_ms }) => end_ms - start_ms));
    observe(
      `${before} expired rows before, ${during} during the dump, ${after} after it; ` +
        `${failed} of ${writes.length} writes failed, the slowest took ${slowest_ms.toFixed(0)} ms`,
    );
    const all = expiredDays.length * rowsPerDay;
    expect(inDefault === all, 'changes of days without a partition go to the default partition');
    expect(
      before === all && (await count(system, isInDefault)) === 0,
      'they move to partitions of their days',
    );
    expect(during === all, 'the dump reads them as long as it takes');
    expect(after === 0, 'afterwards they are gone');
    expect(writes.length > 50 && failed === 0, 'no write fails while the drop waits');
    expect(slowest_ms < 2_000, 'no write waits for the dump');
  },
};
