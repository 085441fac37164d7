/** Clients that send requests and do not read. See docs/security.md, row 35. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { eventually } from '@catalog/testing';
import { expect, onTestFinished, test } from 'vitest';
import { createServiceApp } from './app.ts';
import { putInFront } from './front.ts';
import { startTestService } from './service.fixture.ts';

const page_bytes = 1_000_000;
const page = 'x'.repeat(page_bytes);

async function service(unread: { unread_ms?: number; unread_bytes?: number }) {
  let atOnce = 0;
  let mostAtOnce = 0;
  const started = await startTestService({
    unread,
    routes(app) {
      app.get('/v1/page', (_req, res) => void res.end(page));
      app.get('/v1/slow/:n', async (req, res) => {
        atOnce += 1;
        mostAtOnce = Math.max(mostAtOnce, atOnce);
        await new Promise(setImmediate);
        atOnce -= 1;
        res.end(`answer ${req.params.n};`);
      });
    },
  });
  onTestFinished(() => started[Symbol.asyncDispose]());
  return { ...started, mostAtOnce: () => mostAtOnce };
}

async function clientOf(port: number, requests: string[]): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.write(requests.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
  return socket;
}
const pages = Array.from({ length: 60 }, () => '/v1/page');

test('a client that reads nothing is cut off, and one that reads slowly gets everything', async () => {
  const { port, server, logLines } = await service({ unread_ms: 1_000 });
  const accepted: Socket[] = [];
  server.on('connection', (socket: Socket) => accepted.push(socket));
  const deaf = await clientOf(port, pages);
  deaf.pause();
  const slow = await clientOf(port, pages.slice(0, 20));
  let read_bytes = 0;
  slow.on('data', (chunk) => {
    read_bytes += chunk.length;
    slow.pause();
    setTimeout(() => slow.resume(), 2);
  });
  await eventually(() => accepted[0]?.destroyed === true, { timeout_ms: 60_000 });
  await eventually(() => read_bytes > 20 * page_bytes, { timeout_ms: 60_000 });
  expect(logLines.join()).toContain('do not read their answers');
}, 90_000);

test('a connection gets one answer at a time, and all in their order', async () => {
  const { port, mostAtOnce } = await service({});
  const socket = await clientOf(
    port,
    Array.from({ length: 60 }, (_, n) => `/v1/slow/${n}`),
  );
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  await eventually(() => text.includes('answer 59;'));
  const order = [...text.matchAll(/answer (\d+);/g)].map(([, n]) => Number(n));
  expect(order).toEqual(Array.from({ length: 60 }, (_, n) => n));
  expect(mostAtOnce()).toBe(1);
});

test('what all clients leave unread is bounded, and an ordinary client is answered meanwhile', async () => {
  const bound_bytes = 10 * page_bytes;
  const { port, url, server } = await service({ unread_bytes: bound_bytes });
  const accepted: Socket[] = [];
  server.on('connection', (socket: Socket) => accepted.push(socket));
  for (let n = 0; n < 30; n++) (await clientOf(port, pages)).pause();
  await eventually(
    async () => {
      expect((await (await fetch(`${url}/v1/page`)).text()).length).toBe(page_bytes);
      const open = accepted.filter(({ destroyed }) => !destroyed);
      const unread = open.reduce((sum, { writableLength }) => sum + writableLength, 0);
      return accepted.length - open.length > 5 && unread <= bound_bytes;
    },
    { timeout_ms: 30_000 },
  );
}, 60_000);

test('a client that sends two thousand requests at once gets all answers, and few requests of it are read ahead', async () => {
  const { port, server } = await service({});
  let read = 0;
  let answered = 0;
  let mostAhead = 0;
  server.on('request', (_req, res: ServerResponse) => {
    read += 1;
    mostAhead = Math.max(mostAhead, read - answered);
    res.on('close', () => (answered += 1));
  });
  const socket = await clientOf(
    port,
    Array.from({ length: 2_000 }, (_, n) => `/v1/slow/${n}`),
  );
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  await eventually(() => text.includes('answer 1999;'));
  expect(text.match(/answer \d+;/g)).toEqual(Array.from({ length: 2_000 }, (_, n) => `answer ${n};`));
  expect(mostAhead).toBeLessThan(10);
});

test('a body that looks like the ends of many headers arrives whole, and what follows it is answered', async () => {
  const started = await startTestService({
    routes(app) {
      app.post('/v1/body', async (req, res) => {
        let length = 0;
        for await (const chunk of req) length += (chunk as Buffer).length;
        res.end(`body of ${length};`);
      });
      app.get('/v1/slow/:n', async (req, res) => {
        await new Promise(setImmediate);
        res.end(`answer ${req.params.n};`);
      });
    },
  });
  onTestFinished(() => started[Symbol.asyncDispose]());
  const socket = await clientOf(started.port, []);
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  const get = (n: number) => `GET /v1/slow/${n} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const gets = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) => get(from + n)).join('');
  const body = '\r\n\r\n'.repeat(100_000);
  const post = `POST /v1/body HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  socket.write(gets(0, 10) + post + gets(10, 20));
  await eventually(() => text.includes('answer 19;'));
  const expected = Array.from({ length: 20 }, (_, n) => `answer ${n};`);
  expected.splice(10, 0, `body of ${body.length};`);
  expect(text.match(/(?:answer|body of) \d+;/g)).toEqual(expected);
});

test('requests that wait behind a slow one are bounded together, and an ordinary client is answered meanwhile', async () => {
  const bound_bytes = page_bytes;
  const held: (() => void)[] = [];
  const started = await startTestService({
    unread: { unread_bytes: bound_bytes },
    routes(app) {
      app.get('/v1/ok', (_req, res) => void res.end('ok'));
      app.get('/v1/held', (_req, res) => void held.push(() => res.end()));
    },
  });
  onTestFinished(() => started[Symbol.asyncDispose]());
  let open = 0;
  let accepted = 0;
  started.server.on('connection', (socket: Socket) => {
    accepted += 1;
    open += 1;
    socket.on('close', () => (open -= 1));
  });
  const large = `GET /v1/ok HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(15_000)}\r\n\r\n`;
  for (let n = 0; n < 20; n++) {
    const socket = await clientOf(started.port, ['/v1/held']);
    socket.write(large.repeat(200));
  }
  // Of each, 78 KB wait: four requests and the rest of a chunk. Together they would hold 1.5 MB.
  await eventually(async () => {
    expect(await (await fetch(`${started.url}/v1/ok`)).text()).toBe('ok');
    return accepted > 20 && open <= 13;
  });
  for (const answer of held) answer();
});

test.each([
  ['made at once', false],
  ['that take time', true],
])(
  'what all clients leave unread exceeds the bound by a few answers at most: answers %s',
  async (_what, takesTime) => {
    const bound_bytes = 12 * page_bytes;
    // More than the system takes for a client that does not read.
    const answer = 'x'.repeat(6 * page_bytes);
    const accepted: Socket[] = [];
    let most_bytes = 0;
    const started = await startTestService({
      unread: { unread_bytes: bound_bytes },
      create(deps) {
        const send = (res: ServerResponse) => {
          res.end(answer);
          const open = accepted.filter(({ destroyed }) => !destroyed);
          const unread = open.reduce((sum, { writableLength }) => sum + writableLength, 0);
          most_bytes = Math.max(most_bytes, unread);
        };
        const app = createServiceApp({
          ...deps,
          service: 'test',
          routes(routed) {
            routed.get('/v1/page', (_req, res) => send(res));
          },
        });
        if (!takesTime)
          putInFront(app, {
            answer(_req, res) {
              send(res);
              return 'answered';
            },
          });
        return app;
      },
    });
    onTestFinished(() => started[Symbol.asyncDispose]());
    started.server.on('connection', (socket: Socket) => accepted.push(socket));
    const clients = await Promise.all(Array.from({ length: 40 }, () => clientOf(started.port, [])));
    for (const client of clients) {
      client.pause();
      client.write('GET /v1/page HTTP/1.1\r\nHost: x\r\n\r\n');
    }
    // Without the bound they would all stay open, with 240 MB.
    await eventually(() => accepted.filter(({ destroyed }) => destroyed).length > 20);
    expect(most_bytes).toBeGreaterThan(bound_bytes / 2);
    expect(most_bytes).toBeLessThan(bound_bytes + bound_bytes / 4 + 2 * answer.length);
  },
);

test('of chunks with a thousand requests a few are read, and an ordinary client is answered meanwhile', async () => {
  const { port, server } = await service({ unread_bytes: 1024 * 1024 });
  let read = 0;
  server.on('request', () => (read += 1));
  let accepted = 0;
  server.on('connection', () => (accepted += 1));
  const clients = await Promise.all(Array.from({ length: 40 }, () => clientOf(port, [])));
  await eventually(() => accepted === clients.length);
  for (const socket of clients) socket.pause();
  const chunk = `GET /v1/page HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(1_000);
  for (const socket of clients) socket.write(chunk);
  const alone = await clientOf(port, ['/v1/slow/7']);
  const [answer] = (await once(alone, 'data')) as [Buffer];
  expect(answer.toString()).toContain('answer 7;');
  for (const socket of clients) socket.destroy();
  // The system takes a few pages for a client that does not read.
  expect(read).toBeLessThan(40 * 20);
});

test.each([
  ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['what is malformed', 'nonsense\r\n\r\n', 400],
])('behind many requests, %s ends what is read of the connection', async (_what, ending, status) => {
  const { port, server } = await service({});
  let read = 0;
  server.on('request', () => (read += 1));
  const socket = await clientOf(port, []);
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  const get = 'GET /v1/slow/1 HTTP/1.1\r\nHost: x\r\n\r\n';
  socket.write(get.repeat(12) + ending + get.repeat(12));
  await once(socket, 'close');
  expect(text.match(/answer 1;/g)).toHaveLength(12);
  expect(text.match(/HTTP\/1\.1 \d+/g)?.slice(12)).toEqual([`HTTP/1.1 ${status}`]);
  expect(read).toBe(12);
});
