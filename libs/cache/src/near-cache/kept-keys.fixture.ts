/** Reads entries by keys that are parts of long requests, and prints how many bytes stay for each read. */
import { PRODUCT, SKU, type Entity } from '@catalog/contracts';
import { Freshness } from '../channel/freshness.ts';
import { NearCache, NearEntry } from './near-cache.ts';
import { NearReads } from './near-reads.ts';

const keys = 5_000;
const now = () => performance.now();
const freshness = new Freshness(now, () => 'ours');
const near = new NearCache(now, { maxBytes: 64 * 1024 * 1024 });
freshness.subscribed();
freshness.received({ publisher: 'w', sequence: 1, incarnation: 'ours', watermarkAge_ms: 0 }, now());

const entities: readonly Entity[] = [PRODUCT, SKU];
const readsOf = new Map(entities.map((entity) => [entity, new NearReads(entity, { near, now })]));
const keyOf = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
for (const entity of entities)
  for (let n = 0; n < keys; n++) {
    const ticket = near.begin(entity.cacheKey(keyOf(n)), freshness);
    near.offer(ticket, new NearEntry(1, 'x', now(), now() + 60_000));
    near.end(ticket);
  }

// What is made once, such as compiled code, does not count.
const warm = 500;
readAll(0, warm);
const before = inUse();
readAll(warm, keys);
process.stdout.write(String((inUse() - before) / (entities.length * (keys - warm))));

function readAll(from: number, to: number): void {
  for (let n = from; n < to; n++) for (const entity of entities) readOnce(entity, keyOf(n));
}

function readOnce(entity: Entity, key: string): void {
  const request = Buffer.from(`GET /v1/products/${key} HTTP/1.1\r\nX: ${'x'.repeat(8_000)}`).toString(
    'latin1',
  );
  const part = request.slice('GET /v1/products/'.length, 'GET /v1/products/'.length + key.length);
  if (readsOf.get(entity)?.entry(part, now()) === undefined) throw new Error(`${key} is not there`);
}

function inUse(): number {
  for (let round = 0; round < 4; round++) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
