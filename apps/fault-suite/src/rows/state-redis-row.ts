/** A row with a state Redis that hangs. It counts requests for the rate limit, and no hit may wait for that. */
import { Agent } from 'node:http';
import { pause } from '@catalog/runtime';
import { eventually, startReader } from '@catalog/testing';
import { call } from '../load/call.ts';
import type { Row } from './row.ts';

const clients = 4;
/** Half of the time after which a command to the state Redis fails. A hit that waits for it takes longer than this. */
const waited_ms = 500;

export const stateRedisRow: Row = {
  id: '66',
  fault: 'the state Redis hangs',
  injected: 'SIGSTOP, SIGCONT; hits on a third reader by callers that each begin a rate limit window',
  async inject({ system, patience, keys, observe, expect }) {
    // The reader believes X-Forwarded-For, so that each request can come from another caller.
    await using third = await startReader(system.stack, { env: { TRUSTED_PROXIES: '127.0.0.1' } });
    const hang_ms = Math.max(4_000, 10_000 * patience);
    const agent = new Agent({ keepAlive: true });
    const nearHits: { readonly at_ms: number; readonly took_ms: number }[] = [];
    const over = new AbortController();
    let callers = 0;
    const hit = async (): Promise<void> => {
      callers += 1;
      const address = `10.0.${callers >> 8}.${callers & 255}`;
      const at_ms = performance.now();
      const path = `/v1/products/${keys.lasting[callers % 3]}`;
      const { headers } = await call(agent, 'GET', third.url + path, { 'x-forwarded-for': address });
      if (String(headers['cache-status']).includes('detail=near'))
        nearHits.push({ at_ms, took_ms: performance.now() - at_ms });
    };
    const client = async (): Promise<void> => {
      while (!over.signal.aborted) {
        await hit();
        await pause(5);
      }
    };
    const working = Promise.all(Array.from({ length: clients }, client));
    // It is awaited below. Until then, a failure must not end the suite.
    working.catch(() => undefined);
    let from_ms = 0;
    let silent_ms = 0;
    try {
      await eventually(() => nearHits.length > 100, { timeout_ms: 10_000 });
      from_ms = performance.now();
      const hanging = system.hang('state-redis', hang_ms);
      await pause(100);
      const asked_ms = performance.now();
      await Promise.all([hanging, system.state.ping()]);
      silent_ms = performance.now() - asked_ms;
    } finally {
      over.abort();
      await working;
      agent.destroy();
    }
    const during = nearHits.filter(({ at_ms }) => at_ms > from_ms).map(({ took_ms }) => took_ms);
    const slow = during.filter((took_ms) => took_ms >= waited_ms).length;
    observe(
      `the state Redis was silent for ${silent_ms.toFixed(0)} ms; ${during.length} near hits meanwhile, ` +
        `the slowest took ${Math.max(0, ...during).toFixed(0)} ms`,
    );
    expect(silent_ms > hang_ms / 2, 'the state Redis hangs');
    expect(during.length > 0, 'there are near hits while it hangs');
    expect(slow === 0, `no near hit waits for the state Redis (${slow} took ${waited_ms} ms or longer)`);
  },
};
