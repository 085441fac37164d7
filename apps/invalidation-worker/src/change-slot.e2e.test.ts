/** Behaviour of the worker that only the change slot has. */
import { eventually } from '@catalog/testing';
import { expect, test } from 'vitest';
import { startWorker, type Stores } from './testing/running-worker.ts';
import { cachedProduct, rename, stores, untilSource, worker } from './testing/worker-scenes.ts';

const changeSource = 'slot';

async function dropSlot({ owner }: Stores): Promise<void> {
  const drop = `select pg_drop_replication_slot(slot_name) from pg_replication_slots
    where slot_name = 'catalog_' || (select oid from pg_database where datname = current_database()) and not active`;
  await eventually(async () => (await owner.query(drop)).rowCount === 1, { timeout_ms: 10_000 });
}

test('a slot that is lost with changes is counted and logged, and the cache is purged before readers trust it', async () => {
  const on = await stores();
  const first = await startWorker(on, { changeSource });
  await first.ready();
  await untilSource(on, changeSource);
  const { id, key, version } = await cachedProduct(on);
  await first[Symbol.asyncDispose]();
  // This change is neither in the slot nor in the outbox.
  await dropSlot(on);
  await rename(on, id, 'Torch');
  expect(await on.reader.state(key)).toEqual({ state: 'value', version });
  await eventually(() => !on.reader.cache.status().redisIsFresh, { timeout_ms: 10_000 });

  const { metric, log } = await worker(on, { changeSource });
  await eventually(() => on.reader.cache.status().redisIsFresh, { timeout_ms: 15_000 });
  expect((await on.reader.state(key)).state).not.toBe('value');
  expect(await metric('change_slots_lost_total')).toBe(1);
  expect(log()).toContain('the change slot was lost');
  expect(log()).toContain('it does not exist');
}, 60_000);

test('the watermark stops while changes wait in the slot', async () => {
  const on = await stores();
  const { metric } = await worker(on, { changeSource });
  const { cache } = on.reader;
  await cachedProduct(on);
  await eventually(() => cache.status().redisIsFresh);
  const client = await on.owner.connect();
  await client.query('begin');
  // Nothing can land. The outbox stays empty.
  await client.query('select from catalog.change_slot for update');
  await on.insertProducts(1);
  await eventually(() => !cache.status().redisIsFresh, { timeout_ms: 10_000 });
  expect(await on.unapplied()).toBe(0);
  await eventually(async () => (await metric('change_slot_lag_bytes')) > 0, { timeout_ms: 10_000 });
  expect(await metric('change_slot_lag_seconds')).toBeGreaterThan(1);
  await client.query('rollback');
  client.release();
  await eventually(() => cache.status().redisIsFresh, { timeout_ms: 10_000 });
  await on.settled();
  expect(await on.unapplied()).toBe(0);
}, 60_000);

test('after a switch back to the outbox, the slot is deleted and its metrics are zero', async () => {
  const on = await stores();
  const first = await startWorker(on, { changeSource });
  await first.ready();
  await untilSource(on, changeSource);
  await cachedProduct(on);
  await first[Symbol.asyncDispose]();
  const { metric } = await worker(on, { changeSource: 'outbox' });
  const slots = await on.owner.query('select from pg_replication_slots where database = current_database()');
  expect(slots.rowCount).toBe(0);
  const { id, key } = await cachedProduct(on);
  const version = await rename(on, id, 'Torch');
  await eventually(async () => (await on.reader.state(key)).version === version);
  await eventually(async () => (await metric('change_slot_retained_bytes')) === 0, { timeout_ms: 10_000 });
  expect(await metric('change_slot_lag_bytes')).toBe(0);
}, 60_000);
