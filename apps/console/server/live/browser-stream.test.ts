import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import express, { type Response } from 'express';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BrowserStream } from './browser-stream.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

test('a permission that comes after the end of a stream that nobody reads is no error', async () => {
  const opened = Promise.withResolvers<Response>();
  const server = express()
    .get('/', (_req, res) => opened.resolve(res))
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.pause().write('GET / HTTP/1.1\r\nHost: console\r\n\r\n');
  try {
    const res = await opened.promise;
    const failed = vi.fn();
    res.on('error', failed);
    const allowed = Promise.withResolvers<boolean>();
    const stream = new BrowserStream(res, () => allowed.promise);
    vi.advanceTimersByTime(2_000);
    stream.send({ event: 'followed', data: 'x'.repeat(16 * 1024 * 1024) });
    stream.end();
    allowed.resolve(true);
    await nextTurn();
    await nextTurn();
    expect([res.writableEnded, res.writableFinished]).toEqual([true, false]);
    expect(failed).not.toHaveBeenCalled();
  } finally {
    client.destroy();
    server.closeAllConnections();
    server.close();
  }
});
