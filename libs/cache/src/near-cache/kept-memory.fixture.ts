/** Fills a near cache over a real socket, and prints what it counts and what its entries hold. */
import { memoryUsage } from 'node:process';
import { Redis } from 'ioredis';
import { Freshness } from '../channel/freshness.ts';
import { NearCache, NearEntry } from './near-cache.ts';

const [url = '', keys = '', maxBytes = ''] = process.argv.slice(2);
const now = () => performance.now();
const freshness = new Freshness(now, () => 'ours');
const near = new NearCache(now, { maxBytes: Number(maxBytes) });
freshness.subscribed();
const envelope = { publisher: 'w', sequence: 1, incarnation: 'ours' };
freshness.received({ ...envelope, watermarkAge_ms: 0 }, now());
const redis = new Redis(url, { enableAutoPipelining: true });

/** Each fourth value is kept. The others came through the same socket, and their bytes must not stay. */
for (let start = 0; start < Number(keys); start += 100) {
  await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const payload = await redis.getBuffer(`value:${start + index}`);
      if (index % 4 > 0) return;
      const ticket = near.begin(keyOf(start + index), freshness);
      const text = payload?.toString('latin1') ?? null;
      near.offer(ticket, new NearEntry(1, text, now(), now() + 60_000));
      near.end(ticket);
      const entry = near.getStale(ticket.key);
      if (entry === undefined) return;
      // As large as that of a product.
      entry.attachment = attachment(start + index);
      near.handleOf(ticket.key, entry);
    }),
  );
  freshness.received({ ...envelope, sequence: (envelope.sequence += 1), watermarkAge_ms: 0 }, now());
}
redis.disconnect();

const full = inUse();
const { bytes: counted, size: entries } = near;
for (let index = 0; index < Number(keys); index++) near.forget(keyOf(index));
process.stdout.write(JSON.stringify({ counted, held: full - inUse(), entries }));

function keyOf(index: number): string {
  return `product:00000000-0000-7000-8000-${index}`;
}

function attachment(index: number): object {
  return {
    text: `${index}`,
    etag: `"${index}-1"`,
    head: ['Catalog-Version: ', index, '\r\nETag: "', index, '-1"\r\n'].join(''),
    isActive: undefined,
    lastList: index,
    views: { id: Buffer.from(keyOf(index).slice(8)).toString(), views: 0, lastCaller: '', lastWindow: index },
  };
}

function inUse(): number {
  for (let round = 0; round < 4; round++) globalThis.gc?.();
  const { heapUsed, arrayBuffers } = memoryUsage();
  return heapUsed + arrayBuffers;
}
