import { once } from 'node:events';
import { createServer } from 'node:http';
import { createConnection, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { csvHeader, postImport } from '../../testing/import-calls.ts';
import { runningService, type RunningService } from '../../testing/running-service.ts';

vi.setConfig({ testTimeout: 120_000 });

let service: RunningService;
beforeAll(async () => {
  service = await runningService();
});
// What any server pays for these bytes.
const plain = createServer((req, res) => {
  req.on('data', () => {}).on('end', () => res.end());
});
plain.listen(0, '127.0.0.1');
await once(plain, 'listening');
afterAll(async () => {
  plain.close();
  await service[Symbol.asyncDispose]();
});

/** 900 kB without a line end in one chunk, then 50,000 chunks of one byte. @returns the answer, and the time it took */
async function send(port: number, begin: string, type: string): Promise<{ answer: string; took_ms: number }> {
  const first = begin + 'x'.repeat(900_000);
  const head = `POST /v1/imports HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nContent-Type: ${type}\r\n`;
  const socket = createConnection(port, '127.0.0.1');
  await once(socket, 'connect');
  const began = performance.now();
  socket.write(
    `${head}Authorization: Bearer ${service.token()}\r\n\r\n${first.length.toString(16)}\r\n${first}\r\n${'1\r\nx\r\n'.repeat(50_000)}0\r\n\r\n`,
  );
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return { answer, took_ms: performance.now() - began };
}

/** Asks all the time, as an orchestrator or another caller does. */
function askLivez() {
  let slowest_ms = 0;
  const done = new AbortController();
  const asking = (async () => {
    while (!done.signal.aborted) {
      const began = performance.now();
      await (await service.call('GET', '/livez')).text();
      slowest_ms = Math.max(slowest_ms, performance.now() - began);
    }
  })();
  return {
    async slowest_ms(): Promise<number> {
      done.abort();
      await asking;
      return slowest_ms;
    },
  };
}

test.each([
  ['a plain cell', `${csvHeader}\nA,`, 'text/csv'],
  ['a quoted cell', `${csvHeader}\nA,"`, 'text/csv'],
  ['a JSON string', '{"sku":"', 'application/x-ndjson'],
])(
  'a body that ends in 50,000 chunks, within %s, costs about what any server pays for it',
  async (_name, begin, type) => {
    const cheapest = await send((plain.address() as AddressInfo).port, begin, type);
    const livez = askLivez();
    const { answer, took_ms } = await send(service.port, begin, type);
    const slowest_ms = await livez.slowest_ms();
    expect(answer).toMatch(/^HTTP\/1\.1 422 /);
    // When each chunk scanned all before it, this took a hundred times as long, and nobody else got an answer.
    expect(took_ms).toBeLessThan(10 * cheapest.took_ms + 1_000);
    expect(slowest_ms).toBeLessThan(Math.max(took_ms, 10 * cheapest.took_ms));
  },
);

/** CPU time of the longest turn of the event loop. It depends little on what else runs on the machine. */
function watchTurns() {
  const cpu_ms = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1_000;
  };
  let slowest_ms = 0;
  let before_ms = cpu_ms();
  let next = setImmediate(function look() {
    const now_ms = cpu_ms();
    slowest_ms = Math.max(slowest_ms, now_ms - before_ms);
    before_ms = now_ms;
    next = setImmediate(look);
  });
  return {
    slowest_ms() {
      clearImmediate(next);
      return slowest_ms;
    },
  };
}

test.each([
  ['JSON', 'application/x-ndjson', '{}\n'.repeat(100_000)],
  ['CSV', 'text/csv', `sku,name\n${'A,\n'.repeat(100_000)}`],
])(
  'others wait for a part of a chunk only, and not for all of its bad records: %s',
  async (_name, type, body) => {
    const turns = watchTurns();
    const res = await postImport(service, body, { type, query: 'mode=skip-failed' });
    await res.text();
    expect(res.status).toBe(200);
    expect(turns.slowest_ms()).toBeLessThan(70);
  },
);
