/** A row that compares what the near cache counts with the memory of its process. */
import { pause } from '@catalog/runtime';
import { startReader } from '@catalog/testing';
import { call } from '../load/call.ts';
import { demoProducts } from '../system/demo-products.ts';
import { metric } from '../system/metrics.ts';
import type { Row } from './row.ts';

const fixture = new URL('../system/collect-garbage.fixture.ts', import.meta.url).href;
const idsInCall = 100;
/** Two collections, and the metrics in between. */
const settle_ms = 2_500;
/** The memory of a process also holds connections, compiled code and histograms, which do not grow with keys. */
const room_bytes = 3 * 2 ** 20;

interface Memory {
  readonly counted: number;
  readonly held: number;
}

async function memoryOf(url: string): Promise<Memory> {
  await pause(settle_ms);
  const [counted, heap, external] = await Promise.all([
    metric(url, 'near_cache_bytes'),
    metric(url, 'nodejs_heap_size_used_bytes'),
    metric(url, 'nodejs_external_memory_bytes'),
  ]);
  return { counted, held: heap + external };
}

async function readAll(url: string, ids: readonly string[]): Promise<void> {
  for (let start = 0; start < ids.length; start += idsInCall) {
    const some = ids.slice(start, start + idsInCall).join();
    const { status } = await call(undefined, 'GET', `${url}/v1/products?ids=${some}`);
    if (status !== 200) throw new Error(`reading ${idsInCall} products got ${status}`);
  }
}

export const keptMemoryRow: Row = {
  id: '51',
  fault: 'payloads arrive as slices of large socket buffers',
  injected:
    'a third reader keeps thousands of products in its near cache, each read through its connection to Redis',
  withoutLoad: true,
  async inject({ system, observe, expect }) {
    const ids = await demoProducts(system.sql, 7_000);
    await readAll(system.readers[0]?.url ?? '', ids);
    await using third = await startReader(system.stack, {
      env: { NODE_OPTIONS: `--expose-gc --import ${fixture}` },
    });
    // The first thousand warm up code and connections.
    await readAll(third.url, ids.slice(0, 1_000));
    const before = await memoryOf(third.url);
    await readAll(third.url, ids.slice(1_000));
    const after = await memoryOf(third.url);
    const counted = after.counted - before.counted;
    const held = after.held - before.held;
    observe(`the near cache counts ${megabytes(counted)} more, the process holds ${megabytes(held)} more`);
    expect(counted > 4 * 2 ** 20, 'the near cache keeps the products');
    expect(
      held > 0.9 * counted - room_bytes && held < 1.1 * counted + room_bytes,
      'the process holds about as much memory as the near cache counts',
    );
  },
};

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
