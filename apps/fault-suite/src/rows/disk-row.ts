/** A row with a full disk. */
import { randomBytes } from 'node:crypto';
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { writeProduct } from '../load/product-write.ts';
import { mayMount, smallDisk } from '../system/small-disk.ts';
import type { Row, Stage } from './row.ts';

/** The statement inserts rows, because an update frees as much room as it takes. */
const grow = `insert into catalog.products (sku, name, description, brand, category, price_minor, currency)
  select 'BALLAST-' || gen_random_uuid(), 'Ballast', repeat(md5(random()::text), 60), 'none', 'ballast', 1, 'EUR'
  from generate_series(1, $1::int)`;

/** Uses up the free room inside the files of Postgres, until no further row fits. */
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
  fault: 'the disk is full',
  injected: 'the data of Postgres moves to a small tmpfs, which is filled and later freed',
  async impossible() {
    return (await mayMount()) ? undefined : 'it needs Linux and the right to mount a file system (root)';
  },
  async inject(stage) {
    const { system, keys, patience, observe, expect, load } = stage;
    let status: number | undefined;
    // Larger than the free room in any existing page, however much vacuum has freed.
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
    // Postgres first uses up the room in its files.
    const isFull = await eventually(
      async () => {
        await useUp(system.sql);
        return (await patch()) === 503;
      },
      { timeout_ms: 30_000, interval_ms: 50 },
    ).catch(() => false);
    expect(isFull, `writes get 503 (${status ?? 'no answer'})`);
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
      `${answered} of ${reads.length} reads were answered while the disk was full; ` +
        `writes succeeded ${(performance.now() - freed_ms).toFixed(0)} ms after there was room`,
    );
    expect(isBack, 'writes succeed again without help');
    await system.sql.query("delete from catalog.products where category = 'ballast'");
  },
};
