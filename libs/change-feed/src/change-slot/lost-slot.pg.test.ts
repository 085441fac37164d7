/** The lander notices a change slot that lacks changes, and no look counts before the cache is purged. */
import { eventually, type PostgresServer, startPostgres } from '@catalog/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FeedDatabase, feedDatabase } from '../testing/feed-database.ts';
import { landersOn } from '../testing/running-lander.ts';

let server: PostgresServer;
let feed: FeedDatabase;
let landers: ReturnType<typeof landersOn>;
let slotName = '';
/** Each test has its own server, because it lowers the log that Postgres keeps for a slot. */
beforeEach(async () => {
  server = await startPostgres({
    config: { max_slot_wal_keep_size: '1MB', min_wal_size: '32MB', max_wal_size: '32MB', wal_keep_size: '0' },
  });
  feed = await feedDatabase({ serverUrl: server.url });
  landers = landersOn(feed);
  slotName = (await landers.slot.state(feed.owner)).name;
}, 60_000);
afterEach(async () => {
  await landers.stop();
  await feed[Symbol.asyncDispose]();
  await server.stop();
});

const create = () =>
  feed.owner.query(`select pg_create_logical_replication_slot('${slotName}', 'pgoutput', failover => true)`);
const drop = () => eventually(() => landers.slot.drop(slotName), { timeout_ms: 10_000 });

/** What happens to the slot while nobody reads it, and the reason that the lander reports. */
const losses: readonly [reason: string, lose: () => Promise<unknown>][] = [
  ['it does not exist', drop],
  [
    'wal_removed',
    async () => {
      for (let file = 0; file < 5; file++) {
        await feed.owner.query(
          "select pg_logical_emit_message(false, 'filler', 'x'); select pg_switch_wal()",
        );
      }
      await feed.owner.query('checkpoint');
    },
  ],
  [
    'it begins later than the last change that has landed',
    async () => {
      await drop();
      await feed.insertProducts(1);
      await create();
    },
  ],
];

test.each(losses)(
  'a loss is noticed and answered by one purge: %s',
  async (reason, lose) => {
    const { startLander, switchTo, landed, slot } = landers;
    const first = startLander();
    await switchTo('slot');
    await first.stop();
    await lose();
    await feed.insertProducts(1);
    await feed.owner.query('truncate catalog.outbox');

    const purging = Promise.withResolvers<void>();
    const purgeBegan = Promise.withResolvers<void>();
    const second = startLander({
      purge: async () => {
        purgeBegan.resolve();
        await purging.promise;
      },
    });
    await purgeBegan.promise;
    expect(second.lost).toEqual([reason]);
    // The new slot has every change from here on. But no look uses it before the cache is purged.
    expect((await slot.state(feed.owner)).exists).toBe(true);
    expect((await feed.outbox.look('a')).slot?.landed).toBeNull();
    const [id] = await feed.insertProducts(1);
    purging.resolve();
    await eventually(async () => !(await slot.summary()).isLost, { timeout_ms: 10_000 });
    await landed();
    expect((await feed.owner.query('select from catalog.outbox where key = $1', [id])).rowCount).toBe(1);
    expect(second.purged).toHaveLength(1);

    // The same loss does not count again.
    await second.stop();
    const third = startLander();
    await landed();
    expect(third.lost).toEqual([]);
    expect(third.purged).toEqual([]);
  },
  60_000,
);

test('a purge that fails is repeated, and the loss counts once', async () => {
  const { startLander, switchTo, slot } = landers;
  const first = startLander();
  await switchTo('slot');
  await first.stop();
  await drop();
  let failures = 0;
  const second = startLander({
    async purge() {
      failures += 1;
      if (failures < 3) throw new Error('the cache Redis is away');
    },
  });
  await eventually(async () => !(await slot.summary()).isLost && failures === 3, { timeout_ms: 15_000 });
  expect(second.lost).toEqual(['it does not exist']);
  expect(second.purged).toHaveLength(1);
}, 60_000);
