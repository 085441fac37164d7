/** A row in which the cache loses everything while it is in use. It counts the loads that follow. */
import { eventually, startReader } from '@catalog/testing';
import type { Operation } from '../history/operation.ts';
import { isHit, read } from '../load/read.ts';
import { demoProducts } from '../system/demo-products.ts';
import { metric } from '../system/metrics.ts';
import type { OwnReader } from './own-readers.ts';
import type { Row, Stage } from './row.ts';

const wipes = 3;
const keysToAWipe = 100;
const clientsPerReader = 3;
/** A reader that waits for the lease of another one looks after 2, 4, 8 and 16 ms. Then no time remains for another 32 ms. */
const leaseWait_ms = 30;
const recovered_ms = 30_000;

/** All clients of all readers read the same keys in the same order, so that they race for every key. */
async function askTogether(readers: readonly OwnReader[], keys: readonly string[]): Promise<Operation[]> {
  const client = async ({ name, url }: OwnReader): Promise<Operation[]> => {
    const seen: Operation[] = [];
    for (const key of keys) seen.push(await read(undefined, { client: 'herd', process: name, url, key }));
    return seen;
  };
  const asking = readers.flatMap((reader) => Array.from({ length: clientsPerReader }, () => client(reader)));
  return (await Promise.all(asking)).flat();
}

/** The share of the load's reads in this time that a cache answered. Reads with Min-Version do not count: they may bypass it. */
function hitRatio({ load }: Stage, from_ms: number, to_ms = Infinity): number {
  const reads = load.history.filter(
    ({ kind, start_ms, minVersion }) =>
      kind === 'read' && minVersion === undefined && start_ms >= from_ms && start_ms < to_ms,
  );
  return reads.length < 50 ? 0 : reads.filter(isHit).length / reads.length;
}

export const wipeRow: Row = {
  id: '19',
  fault: 'the cache is wiped under load',
  injected: 'FLUSHALL, three times; each time the clients of two more readers read the same keys at once',
  quick: true,
  onCluster: 'same',
  async inject(stage) {
    const { system, observe, expect } = stage;
    await using first = await startReader(system.stack);
    await using second = await startReader(system.stack);
    const readers = [first, second].map(({ url }, index) => ({ name: `wiped ${index}`, url }));
    // Nobody writes these keys, so a wipe causes each load. Each wipe has new keys, because near caches keep the old ones.
    const keys = await demoProducts(system.sql, keysToAWipe * wipes);
    await askTogether([system.readers[0] ?? { name: '', url: '' }], keys);
    const loads = async (): Promise<number> => {
      const counts = await Promise.all(
        readers.map(({ url }) => metric(url, 'cache_loaded_keys_total', 'entity="product"')),
      );
      return counts.reduce((sum, count) => sum + count, 0);
    };
    const began_ms = performance.now();
    const before = hitRatio(stage, began_ms - 1_000);
    const loadsBefore = await loads();
    const answers: Operation[] = [];
    for (let wipe = 0; wipe < wipes; wipe++) {
      await Promise.all((await system.cache.masters()).map((server) => server.flushall()));
      answers.push(...(await askTogether(readers, keys.slice(wipe * keysToAWipe, (wipe + 1) * keysToAWipe))));
    }
    const made = (await loads()) - loadsBefore;
    const wiped_ms = performance.now();
    const late = answers.filter(({ start_ms, end_ms }) => end_ms - start_ms >= leaseWait_ms);
    const waited = new Set(late.map(({ process, key }) => `${process} ${key}`)).size;
    const isBack = await eventually(
      () =>
        performance.now() > wiped_ms + 1_000 && hitRatio(stage, performance.now() - 1_000) >= 0.95 * before,
      { timeout_ms: recovered_ms, interval_ms: 50 },
    ).catch(() => false);
    const back_ms = performance.now() - wiped_ms;
    observe(
      `${answers.length} reads of ${keys.length} wiped keys made ${made} loads, ${waited} waits for a lease timed out; ` +
        `${(before * 100).toFixed(1)} % hits before, ${(hitRatio(stage, began_ms, wiped_ms) * 100).toFixed(1)} % during the wipes, ` +
        `and as before ${back_ms.toFixed(0)} ms after the last wipe`,
    );
    expect(
      answers.every(({ outcome }) => outcome === 'ok'),
      'every read is answered',
    );
    expect(made >= keys.length, 'the keys were gone from Redis');
    expect(made <= keys.length + waited, 'at most one load for each key and lease');
    expect(isBack && before > 0, `95 % of the hits before come back within ${recovered_ms / 1000} s`);
  },
};
