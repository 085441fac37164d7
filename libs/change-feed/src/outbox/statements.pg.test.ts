/** How Postgres runs the statements of the feed, and what they cost. */
import { loadSql } from '@catalog/database';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { feedDatabase } from '../testing/feed-database.ts';

const feed = await feedDatabase();
const { owner, pool, outbox } = feed;
afterAll(() => feed[Symbol.asyncDispose]());

beforeEach(async () => {
  await owner.query('truncate catalog.outbox');
});

test.each([
  'claim',
  'acknowledge',
  'release',
  'look',
  'delete-applied',
  '../replay/take',
  '../replay/note-applied',
  '../replay/set-aside',
  '../incarnation/requeue-restored',
])(
  'no plan of %s scans the whole table for each row, whatever it held when the plan was made',
  async (name) => {
    const { rows } = await pool.query<{ 'QUERY PLAN': string }>(
      `explain (generic_plan) ${loadSql(import.meta.url, `./${name}.sql`)}`,
    );
    const plan = rows.map((row) => row['QUERY PLAN']);
    // This one finds old rows without an index. It must do so once, not once for each row.
    const scans = plan.filter((line) => line.includes('Seq Scan on outbox '));
    expect(scans).toHaveLength(name === 'delete-applied' ? 1 : 0);
    expect(plan.join('\n')).not.toMatch(/Filter: .*= ANY/);
  },
);

/** How many pages a statement reads, as Postgres counts them. */
async function pagesOf(name: string, values: readonly unknown[]): Promise<number> {
  const { rows } = await pool.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
    `explain (analyze, buffers, format json) ${loadSql(import.meta.url, `./${name}.sql`)}`,
    [...values],
  );
  const plan = rows[0]?.['QUERY PLAN'][0].Plan;
  return (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0);
}

test('an open transaction delays no other change, however much it has written', async () => {
  const looks = [
    ['claim', [100, 3_000, null, 100, null]],
    ['look', ['first', null, 20]],
  ] as const;
  const pages = async () => {
    const counts = [];
    for (const [name, values] of looks) counts.push(await pagesOf(name, values));
    return counts;
  };
  const [first, mass, last] = await Promise.all([owner.connect(), owner.connect(), owner.connect()]);
  try {
    for (const writer of [first, mass, last]) await writer.query('begin');
    await first.query(`insert into catalog.outbox (entity, key, version) values ('product', 'first', 1)`);
    await mass.query(
      `insert into catalog.outbox (entity, key, version) select 'product', 'm' || n, n from generate_series(1, 50000) n`,
    );
    await last.query(`insert into catalog.outbox (entity, key, version) values ('product', 'last', 1)`);
    // A new session reads pages of the system catalogs too.
    await pages();
    const beside = await pages();
    for (const count of beside) expect(count).toBeLessThan(100);

    await last.query('commit');
    expect((await outbox.claim(100)).map(({ key }) => key)).toEqual(['last']);
    await first.query('commit');
    expect((await outbox.claim(1, { newest: 1 })).map(({ key }) => key)).toEqual(['first']);
    await mass.query('commit');
    expect((await outbox.claim(2, { newest: 1 })).map(({ key }) => key)).toEqual(['m1', 'm2', 'm50000']);
  } finally {
    for (const writer of [first, mass, last]) writer.release(true);
  }
});
