/** Bodies of one caller that take long delay its own requests, and not those of others. See docs/security.md, row 75. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '@catalog/testing';
import { expect, onTestFinished, test } from 'vitest';
import { jsonBody } from './json-body.ts';
import { startTestService } from './service.fixture.ts';

async function open(port: number, from: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** All but the last byte of a request. */
const begunWith = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`;
const body = JSON.stringify({ text: 'x' });
/** Longer than a turn has for the bodies of one caller. */
const work_ms = 5;

// Only Linux has 127.0.0.2 without being asked.
test.runIf(process.platform === 'linux')(
  'bodies that end at the same time and take long are read one in a turn, and those of others come in between',
  async () => {
    const served: string[] = [];
    const service = await startTestService({
      routes(app) {
        app.post('/of/:caller', jsonBody(), (req, res) => {
          served.push(req.params['caller'] as string);
          // As if the route checked the body for so long.
          for (const end_ms = performance.now() + work_ms; performance.now() < end_ms;);
          res.end('done');
        });
      },
    });
    onTestFinished(() => service[Symbol.asyncDispose]());
    const { port, server } = service;
    let accepted = 0;
    server.on('connection', () => (accepted += 1));
    const many = await Promise.all(Array.from({ length: 30 }, () => open(port, '127.0.0.2')));
    const other = await open(port, '127.0.0.1');
    await eventually(() => accepted === many.length + 1);
    for (const socket of many) socket.write(begunWith('/of/many', body));
    other.write(begunWith('/of/other', body));
    // Until the service has all but the last bytes.
    await pause(200);
    const answered = [...many, other].map((socket) => once(socket, 'data'));
    for (const socket of many) socket.write('}');
    other.write('}');
    for (const end_ms = performance.now() + 100; performance.now() < end_ms;);
    await Promise.all(answered);
    expect(served.indexOf('other')).toBeLessThan(5);
    expect(served).toHaveLength(many.length + 1);
  },
);
