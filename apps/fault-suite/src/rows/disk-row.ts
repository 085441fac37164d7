/** A disk that is full. */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '@catalog/testing';
import { writeProduct } from '../load/product-write.ts';
import { mayMount, smallDisk } from '../system/small-disk.ts';
import type { Row, Stage } from './row.ts';

/** New rows: what changes rows that are there leaves as much room as it takes. */
const grow = `insert into catalog.products (sku, name, description, brand, category, price_minor, currency)
  select 'BALLAST-' || gen_random_uuid(), 'Ballast', repeat(md5(random()::text), 60), 'none', 'ballast', 1, 'EUR'
  from generate_series(1, $1::int)`;

/** Uses up the room that is left in the files of Postgres, to the last row that fits. */
async function useUp(sql: Stage['system']['sql']): Promise<void> {
  for (const rows of [200, 20, 1]) {
    let fits = true;
    while (fits)
      fits = await sql.query(grow, [rows]).then(
        () => true,
        () => false,
      );
  }
}

export const diskRow: Row = {
  id: '32',
  fault: 'disk full',
  injected: "Postgres' data moved to a small tmpfs, which is filled; then the ballast is taken away",
  async impossible() {
    return (await mayMount()) ? undefined : 'a file system may not be mounted here';
  },
  async inject(stage) {
    const { system, keys, patience, observe, expect, load } = stage;
    let status: number | undefined;
    // More than any page that is there has room for, however much vacuum has cleaned meanwhile.
    const patch = async (): Promise<number | undefined> => {
      const path = `/${keys.lasting[0]}`;
      const body = { description: randomBytes(4_000).toString('hex') };
      const answer = writeProduct(system, 'PATCH', path, body, { 'if-match': '*' });
      status = await answer.then(
        (answered) => answered.status,
        () => undefined,
      );
      return status;
    };
    await using disk = await smallDisk(system);
    await pause(2_000);
    await disk.fill();
    const from = load.history.length;
    // What is left in its files is used up first.
    const isFull = await eventually(
      async () => {
        await useUp(system.sql);
        return (await patch()) === 503;
      },
      { timeout_ms: 30_000, interval_ms: 50 },
    ).catch(() => false);
    expect(isFull, `writes are answered 503, not ${status ?? 'at all'}`);
    await pause(Math.max(3_000, 20_000 * patience));
    const reads = load.history.slice(from).filter(({ kind }) => kind === 'read');
    const answered = reads.filter(({ outcome }) => outcome === 'ok').length;
    await disk.free();
    const freed_ms = performance.now();
    const isBack = await eventually(async () => (await patch()) === 200, {
      timeout_ms: 30_000,
      interval_ms: 50,
    }).catch(() => false);
    observe(
      `${answered} of ${reads.length} reads answered while it was full; ` +
        `writes succeed ${(performance.now() - freed_ms).toFixed(0)} ms after there was room`,
    );
    expect(isBack, 'it recovers alone');
    await system.sql.query("delete from catalog.products where category = 'ballast'");
  },
};
