import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { CatalogError } from '@catalog/contracts';
import { afterAll, expect, test } from 'vitest';
import { discardRest, uploadedBytes } from './upload.ts';

const limits = { uploadWindow_ms: 400, uploadLeast_bytes: 100 };
/** How long the server takes for each chunk. */
let work_ms = 0;
const server = createServer((req, res) => {
  void receive(req).then(async (answer) => {
    if (!req.complete) {
      res.setHeader('Connection', 'close');
      await discardRest(req);
    }
    res.end(answer);
  });
});
async function receive(req: IncomingMessage): Promise<string> {
  let length = 0;
  try {
    for await (const chunk of uploadedBytes(req, limits)) {
      length += chunk.length;
      await pause(work_ms);
    }
    return String(length);
  } catch (error) {
    return error instanceof CatalogError ? error.code : String(error);
  }
}
server.listen(0, '127.0.0.1');
await once(server, 'listening');
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function upload() {
  const call = request({ port: (server.address() as AddressInfo).port, method: 'POST' });
  call.on('error', () => {});
  const answered = once(call, 'response').then(([response]) => text(response as IncomingMessage));
  return { call, answered };
}

test('an upload that trickles is refused with an answer', async () => {
  const { call, answered } = upload();
  const trickle = setInterval(() => call.write('x'), 50);
  expect(await answered).toBe('request_timeout');
  clearInterval(trickle);
});

test('an upload that sends nothing at all is refused', async () => {
  const { call, answered } = upload();
  call.flushHeaders();
  expect(await answered).toBe('request_timeout');
});

test('an upload that is fast enough may take as long as it needs, with pauses', async () => {
  const { call, answered } = upload();
  for (let each = 0; each < 8; each++) {
    call.write('x'.repeat(200));
    await pause(100);
  }
  call.end();
  expect(await answered).toBe('1600');
});

test('the time that we take to read does not count against the client', async () => {
  work_ms = 1_000;
  try {
    const { call, answered } = upload();
    call.write('x');
    await pause(100);
    call.write('x');
    await pause(600);
    call.end();
    expect(await answered).toBe('2');
  } finally {
    work_ms = 0;
  }
});
