/** A row with a caller that views keys in a loop. Each view reads Postgres, and products must not wait for that. */
import { Agent } from 'node:http';
import { pause } from '@catalog/runtime';
import { startReader } from '@catalog/testing';
import { call } from '../load/call.ts';
import { readBody } from '../load/read.ts';
import { demoProducts } from '../system/demo-products.ts';
import { withPort } from '../system/with-port.ts';
import type { Row } from './row.ts';

const callers = 60;
/** How many views a second may read Postgres. With the latency of this row, the places of a bulkhead would allow fewer. */
const bypasses_per_s = 100;
const latency_ms = 50;

export const keyViewRow: Row = {
  id: '59',
  fault: 'a caller views keys in a loop',
  injected: `${callers} loops of GET /v1/products/{id}/cache on a third reader, ${latency_ms} ms away from Postgres; reads of uncached keys beside them`,
  async inject({ system, patience, keys, observe, expect }) {
    const databaseUrl = withPort(
      await system.stack.databaseUrl('catalog_read'),
      system.proxies.postgres.port,
    );
    await using third = await startReader(system.stack, {
      env: { DATABASE_URL: databaseUrl, BYPASSES_PER_SECOND: String(bypasses_per_s) },
    });
    const uncached = await demoProducts(system.sql, Math.max(60, Math.round(400 * patience)));
    const view = `${third.url}/v1/products/${keys.lasting[0]}/cache`;
    const agent = new Agent({ keepAlive: true });
    const statuses = new Map<number, number>();
    const over = new AbortController();
    const loop = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const { status } = await call(agent, 'GET', view);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        // Without a pause the loops would measure the CPU of the reader.
        await pause(20);
      }
    };
    const readUncached = (key: string) =>
      readBody(agent, { client: 'beside', process: 'reader 3', url: third.url, key });
    // Opens connections: with the latency, one takes almost as long as a load may take. Reads of one turn share a connection.
    system.proxies.postgres.delay(10);
    await Promise.all(
      uncached.splice(0, 20).map(async (id, index) => {
        await pause(2 * index);
        return Promise.all([readUncached(id), call(agent, 'GET', view)]);
      }),
    );
    system.proxies.postgres.delay(latency_ms);
    const loops = Promise.all(Array.from({ length: callers }, loop));
    // It is awaited below. Until then, a failure must not end the suite.
    loops.catch(() => undefined);
    const failed: string[] = [];
    try {
      for (const id of uncached) {
        const { operation, body } = await readUncached(id);
        if (operation.outcome !== 'ok') failed.push(body || (operation.said ?? ''));
      }
    } finally {
      over.abort();
      await loops;
      agent.destroy();
      system.proxies.postgres.passThrough();
    }
    const answers = [...statuses].map(([status, times]) => `${times} × ${status}`).join(', ');
    observe(`the loops got ${answers}; ${failed.length} of ${uncached.length} uncached reads failed`);
    expect((statuses.get(200) ?? 0) > 0, 'some views are answered');
    expect((statuses.get(429) ?? 0) > 0, 'a caller beyond its limit of bypasses gets 429');
    expect(
      failed.length === 0,
      `no read of an uncached key fails because of the views ${failed[0] ?? ''}`.trimEnd(),
    );
  },
};
