import { type ChangeSource, INVALIDATION_QUEUE } from '@catalog/change-feed';
import { eventually } from '@catalog/testing';
import { Queue } from 'bullmq';
import { afterEach, expect } from 'vitest';
import { startStores, startWorker, type Stores, type WorkerOptions } from './running-worker.ts';

const started: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of started.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

/** Stores until the end of the test. */
export async function stores(options?: Parameters<typeof startStores>[0]): Promise<Stores> {
  const made = await startStores(options);
  started.push(made);
  return made;
}

/** A worker until the end of the test. It is ready, and it uses the given source. */
export async function worker(on: Stores, options: WorkerOptions = {}) {
  const made = await startWorker(on, options);
  started.push(made);
  await made.ready();
  if (options.changeSource !== undefined) await untilSource(on, options.changeSource);
  return made;
}

/** Waits until the switch to this source is complete. */
export async function untilSource(on: Stores, source: ChangeSource): Promise<void> {
  const isSwitched = `select from catalog.change_slot
    where catalog.change_source() = $1 and in_use = ($1 = 'slot') and (landed is not null or not in_use)`;
  await eventually(async () => (await on.owner.query(isSwitched, [source])).rowCount === 1, {
    timeout_ms: 15_000,
  });
}

/** A product that a reader has cached, with no change under way. */
export async function cachedProduct(on: Stores): Promise<{ id: string; key: string; version: number }> {
  const [id = ''] = await on.insertProducts(1);
  await on.settled();
  const key = `product:${id}`;
  const version = await on.reader.fill(key);
  expect(await on.reader.state(key)).toEqual({ state: 'value', version });
  return { id, key, version };
}

/** A queue of the test, beside that of the worker. */
export function queueOf(on: Stores): Queue {
  const queue = new Queue(INVALIDATION_QUEUE, { connection: { url: on.stateRedis.url } });
  queue.on('error', () => undefined);
  return queue;
}

export const rename = async (on: Stores, id: string, name: string): Promise<number> => {
  const { rows } = await on.owner.query<{ version: number }>(
    'update catalog.products set name = $2 where id = $1 returning version',
    [id, name],
  );
  return rows[0]?.version ?? 0;
};
