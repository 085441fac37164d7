/** Reads entries of Redis again and again, and prints how many bytes a read adds to the old generation of the heap. */
import { getHeapSpaceStatistics } from 'node:v8';
import { Freshness } from '../channel/freshness.ts';
import { NearCache } from '../near-cache/near-cache.ts';
import { createCacheBreaker } from '../redis/cache-breaker.ts';
import { CacheConnection } from '../redis/cache-connection.ts';
import { TurnReads } from './turn-reads.ts';

const [url = '', payload = ''] = process.argv.slice(2);
/** In a stretch. */
const turns = 1_000;
const perTurn = 10;

const connection = new CacheConnection({
  url,
  name: 'reader',
  database: { currentIncarnation: async () => 'main' },
  // A busy test machine may pause a Redis that works.
  call_ms: 10_000,
  onError: (error) => console.error(error),
});
await connection.start();
const incarnation = connection.requireIncarnation();
const freshness = new Freshness(
  () => performance.now(),
  () => connection.incarnation,
);
const watermark = { publisher: 'w', sequence: 1, incarnation, watermarkAge_ms: -600_000 };
freshness.received(watermark, performance.now());
const reads = new TurnReads({ connection, breaker: createCacheBreaker(), freshness });
const near = new NearCache(() => performance.now(), { maxBytes: 1_000 });

const now_ms = await connection.time_ms();
const keys = Array.from({ length: perTurn }, (_, index) => `thing:${index}`);
const head = `1|V|7|${now_ms}|${now_ms + 3_600_000}|${incarnation}|1||0|0`;
for (const key of keys) await connection.redis.set(key, `${head}\n${'x'.repeat(Number(payload))}`);

async function read(cacheKey: string): Promise<void> {
  const ticket = near.begin(cacheKey, freshness);
  const entry = await reads.read({ name: 'thing', cacheKey, payloadSchema: 1, softTtl_ms: 1_000 });
  near.end(ticket);
  if (entry === undefined) throw new Error('Redis did not answer a read.');
}

function oldGeneration_bytes(): number {
  const isOld = ({ space_name: name }: { space_name: string }) => /^(?:old|large_object)_space$/.test(name);
  return getHeapSpaceStatistics()
    .filter(isOld)
    .reduce((sum, { space_used_size: used }) => sum + used, 0);
}

async function bytesPerRead(): Promise<number> {
  let added = 0;
  let before = oldGeneration_bytes();
  for (let turn = 0; turn < turns; turn++) {
    await Promise.all(keys.map(read));
    if (turn % 50 !== 0) continue;
    const now = oldGeneration_bytes();
    added += Math.max(0, now - before);
    before = now;
  }
  return added / (turns * perTurn);
}

// Compiled code, and what the compiler learns, are in the old generation too. That ends after some stretches.
let least = Number.POSITIVE_INFINITY;
for (let stretch = 0; stretch < 10; stretch++) least = Math.min(least, await bytesPerRead());
process.stdout.write(JSON.stringify({ bytesPerRead: least }));
connection.stop();
