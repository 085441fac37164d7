/** The horizon: what a look and a claim cost when there are dead rows, and that no change hides before it. */
import { afterAll, beforeEach, expect, test } from 'vitest';
import { applied, feedDatabase } from '../testing/feed-database.ts';
import { Outbox } from './outbox.ts';

const feed = await feedDatabase();
const { owner, pool, registered, insertChanges } = feed;
afterAll(() => feed[Symbol.asyncDispose]());

interface Explained {
  'QUERY PLAN': [{ Plan: Record<string, number> }];
}

/** An outbox that knows how many pages its last statement has read, as Postgres counts them. It runs each statement twice. */
function countingOutbox() {
  let pages = 0;
  const query = async (statement: { text: string; values?: unknown[] } | string) => {
    if (typeof statement === 'string') return pool.query(statement);
    const { rows } = await pool.query<Explained>(
      `explain (analyze, buffers, format json) ${statement.text}`,
      statement.values,
    );
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    pages = (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0);
    return pool.query(statement);
  };
  const outbox = new Outbox({ query });
  const pagesOf = async (work: () => Promise<unknown>) => {
    await work();
    return pages;
  };
  return {
    outbox,
    look: () => pagesOf(() => outbox.look('first')),
    claim: () => pagesOf(() => outbox.claim(100, { newest: 50 })),
  };
}

const outbox = new Outbox(pool);

/** Changes that are claimed and acknowledged, `each` of a transaction. */
async function apply(count: number, each = 1_000): Promise<void> {
  for (let done = 0; done < count; done += each) {
    await insertChanges(each);
    const changes = await outbox.claim(each);
    expect(changes).toHaveLength(each);
    await outbox.acknowledge(applied(changes), 'first');
    await outbox.look('first');
  }
}

beforeEach(async () => {
  await owner.query('truncate catalog.outbox, catalog.cache_incarnation');
  await registered.register('first');
});

test.each([
  ['nothing, before vacuum comes', 'select 1'],
  ['a snapshot that stays open, as of pg_dump', 'begin isolation level repeatable read; select 1'],
  [
    'a transaction that has written and stays open',
    `begin; insert into catalog.outbox (entity, key, version) values ('product', 'late', 1)`,
  ],
])('a look and a claim cost the same after any number of changes, beside %s', async (_name, begin) => {
  const beside = await owner.connect();
  try {
    await beside.query(begin);
    const { look, claim } = countingOutbox();
    await apply(2_000);
    await look();
    const few = { look: await look(), claim: await claim() };
    await apply(20_000);
    await look();
    const many = { look: await look(), claim: await claim() };
    expect(many.look).toBeLessThan(2 * few.look);
    expect(many.claim).toBeLessThan(2 * few.claim);
    expect(many.look).toBeLessThan(100);
  } finally {
    beside.release(true);
  }
});

test('a look costs the same at any part of a mass change, while a snapshot stays open', async () => {
  const beside = await owner.connect();
  try {
    await beside.query('begin isolation level repeatable read; select 1');
    const { look } = countingOutbox();
    await insertChanges(20_000);
    const applyThousand = async () => outbox.acknowledge(applied(await outbox.claim(1_000)), 'first');
    await look();
    await applyThousand();
    await look();
    const first = await look();
    for (let done = 0; done < 15; done++) {
      await applyThousand();
      await look();
    }
    expect(await look()).toBeLessThan(2 * first);
  } finally {
    beside.release(true);
  }
});

const keysOf = (changes: readonly { key: string }[]) => changes.map(({ key }) => key);
const insert = (key: string) =>
  `insert into catalog.outbox (entity, key, version) values ('product', '${key}', 1)`;

test('a transaction that stays open over many looks is claimed after its commit, even if it wrote late', async () => {
  const writers = [await owner.connect(), await owner.connect()];
  try {
    for (const [index, writer] of writers.entries()) {
      await writer.query('begin; select pg_current_xact_id()');
      await apply(2_000);
      if (index === 0) await writer.query(insert('early'));
    }
    for (const writer of writers) await writer.query(insert('late'));
    expect(await outbox.claim(10)).toEqual([]);
    await apply(2_000);
    for (const writer of writers) await writer.query('commit');
    const look = await outbox.look('first');
    expect(look.oldest).not.toBeNull();
    await outbox.look('first');
    const changes = await outbox.claim(10);
    expect(keysOf(changes).sort()).toEqual(['early', 'late', 'late']);
    // Unacknowledged, they stay within the horizon while it moves on.
    await apply(2_000);
    expect(await outbox.look('first')).toMatchObject({ oldest: look.oldest, newest: look.newest });
    await outbox.release(changes);
    expect(await outbox.claim(10)).toHaveLength(3);
    await outbox.acknowledge(applied(changes), 'first');
    expect(await outbox.look('first')).toMatchObject({ oldest: null, newest: null });
  } finally {
    for (const writer of writers) writer.release(true);
  }
});

test('acknowledgements that a crash of Postgres has undone are repeated', async () => {
  await apply(2_000);
  // What a crash does: it loses the last commits, and empties unlogged tables.
  await owner.query('update catalog.outbox set applied_at = null, applied_to = null, dispatched_at = null');
  await owner.query('truncate catalog.outbox_epoch');
  expect(await outbox.claim(5_000)).toHaveLength(2_000);
  expect((await outbox.look('first')).oldest).not.toBeNull();
});

test('a change that another relay releases is found, wherever the horizon of this relay is', async () => {
  const other = new Outbox(pool);
  await apply(1_000);
  await other.look('first');
  await other.look('first');
  await insertChanges(3);
  const changes = await other.claim(3);
  await outbox.look('first');
  await apply(50, 1);
  await other.acknowledge(applied(changes.slice(1)), 'first');
  await other.release(changes);
  await outbox.look('first');
  expect(keysOf(await outbox.claim(10))).toEqual(['p1']);
});

test('another incarnation of Postgres begins at the beginning of the outbox', async () => {
  await apply(1_000);
  // A restored outbox with lower transaction numbers than the last look knew.
  await owner.query('update catalog.outbox set applied_at = null, applied_to = null, dispatched_at = null');
  await owner.query('update catalog.database_incarnation set incarnation = gen_random_uuid()');
  await outbox.look('first');
  expect(await outbox.claim(2_000)).toHaveLength(1_000);
});
