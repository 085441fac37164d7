/** Keys that nobody changes, the same number on each shard of the cluster, and clients that read them all the time. */
import { slotOf } from '@catalog/cache/worker';
import { pause } from '@catalog/runtime';
import { eventually, type RedisCluster, type RedisServer } from '@catalog/testing';
import { isHit, read } from '../load/read.ts';
import { demoProducts } from '../system/demo-products.ts';
import type { System } from '../system/system.ts';
import type { Stage } from './row.ts';

const perShard = 40;
/** Among this many products, each shard has enough keys, even after slots have moved. */
const candidates = 1_000;
const warm_ms = 10_000;

export function clusterOf({ cache }: System): RedisCluster {
  if (cache.cluster === undefined) throw new Error('The row needs a Redis Cluster: add --cluster.');
  return cache.cluster;
}

export const slotOfProduct = (id: string): number => slotOf(`product:${id}`);

export interface Shard {
  readonly master: RedisServer;
  readonly keys: readonly string[];
}

export async function keysOfShards({ sql }: System, cluster: RedisCluster): Promise<readonly Shard[]> {
  const shards = (await cluster.masters()).map((master) => ({ master, keys: [] as string[] }));
  for (const id of await demoProducts(sql, candidates)) {
    const owner = await cluster.ownerOf(slotOfProduct(id));
    const keys = shards.find(({ master }) => master === owner)?.keys;
    if (keys !== undefined && keys.length < perShard) keys.push(id);
    if (shards.every((shard) => shard.keys.length === perShard)) return shards;
  }
  throw new Error(`a shard has fewer than ${perShard} of ${candidates} products`);
}

export interface Seen {
  readonly reads: number;
  /** Reads without an answer. */
  readonly failed: number;
  /** Keys that some read did not find in a cache. */
  readonly cold: ReadonlySet<string>;
}

/** Reads all keys from each reader in turn while `beside` runs. First waits until each reader finds each key in a cache. */
export async function readKeysWhile(
  { system, load }: Stage,
  keys: readonly string[],
  beside: () => Promise<void>,
): Promise<Seen> {
  const client = 'reader of all shards';
  const ask = ({ name, url }: System['readers'][number], key: string) =>
    read(undefined, { client, process: name, url, key });
  const warm = async (reader: System['readers'][number]): Promise<void> => {
    for (const key of keys)
      await eventually(async () => isHit(await ask(reader, key)), { timeout_ms: warm_ms });
  };
  await Promise.all(system.readers.map(warm));
  const cold = new Set<string>();
  let [reads, failed] = [0, 0];
  const over = new AbortController();
  const readAll = async (reader: System['readers'][number]): Promise<void> => {
    while (!over.signal.aborted) {
      for (const key of keys) {
        const answer = await ask(reader, key);
        load.history.push(answer);
        reads += 1;
        if (answer.outcome !== 'ok') failed += 1;
        if (!isHit(answer)) cold.add(key);
        await pause(1);
      }
    }
  };
  const reading = Promise.all(system.readers.map(readAll));
  try {
    await beside();
  } finally {
    over.abort();
    await reading;
  }
  return { reads, failed, cold };
}
