import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { problemSchema } from '@catalog/contracts';
import { eventually, rawHttp } from '@catalog/testing';
import express, { type Express } from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jsonBody } from './json-body.ts';
import { startTestService, type TestService } from './service.fixture.ts';

let service: TestService;
let reached: string[] = [];

function routes(app: Express): void {
  app.use((req, _res, next) => {
    reached.push(`${req.method} ${req.url}`);
    next();
  });
  app.get('/ok', (_req, res) => {
    res.send('fine');
  });
  app.get('/slow', (_req, res) => {
    setTimeout(() => res.send('at last'), 100);
  });
  app.post('/ok', jsonBody(), (_req, res) => {
    res.send('fine');
  });
  app.post('/form', express.urlencoded(), (_req, res) => {
    res.send('fine');
  });
}

beforeAll(async () => {
  service = await startTestService({ routes });
});
afterAll(() => service[Symbol.asyncDispose]());

function statuses(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

const malformed: [string, string, number][] = [
  ['two Host headers', 'GET /ok HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['two equal Host headers', 'GET /ok HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n', 400],
  ['no Host header', 'GET /ok HTTP/1.1\r\n\r\n', 400],
  ['an absolute-form target', 'GET http://other/ok HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['an authority-like target', 'GET //other/ok HTTP/1.1\r\nHost: a\r\n\r\n', 404],
  ['TRACE', 'TRACE /ok HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['CONNECT', 'CONNECT other:443 HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['an unknown method', 'BREW /ok HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  [
    'CL and TE',
    'POST /ok HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
    400,
  ],
  [
    'TE and CL',
    'POST /ok HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    400,
  ],
  [
    'two Content-Lengths',
    'POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 30\r\n\r\n{}',
    400,
  ],
  [
    'two equal Content-Lengths',
    'POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}',
    400,
  ],
  ['a Content-Length list', 'POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\n{}', 400],
  ['a signed Content-Length', 'POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n{}', 400],
  ['a space before the colon', 'POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length : 2\r\n\r\n{}', 400],
  [
    'an obscured Transfer-Encoding',
    'POST /ok HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  [
    'gzip, then chunked',
    'POST /ok HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    400,
  ],
  [
    'chunked, then identity',
    'POST /ok HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['a bare CR in a header', 'GET /ok HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n', 400],
  ['a bare LF after a header', 'GET /ok HTTP/1.1\r\nHost: a\nX: a\r\n\r\n', 400],
  ['a bare LF after the headers', 'GET /ok HTTP/1.1\r\nHost: a\r\n\n', 400],
  ['a folded header', 'GET /ok HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n', 400],
  ['NUL in a header', 'GET /ok HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n', 400],
  [
    'a bare LF after a chunk size',
    'POST /ok HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n',
    400,
  ],
  [
    'a chunk size that is no number',
    'POST /ok HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n',
    400,
  ],
  [
    'a chunk longer than its size',
    'POST /ok HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n',
    400,
  ],
  ['HTTP/2 from the start', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['HTTP/0.9', 'GET /ok\r\n\r\n', 400],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['an unknown expectation', 'GET /ok HTTP/1.1\r\nHost: a\r\nExpect: a-wonder\r\n\r\n', 400],
  ['headers above 16 KiB', `GET /ok HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, 431],
  ['an address above 16 KiB', `GET /${'x'.repeat(17_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
];

test.each(malformed)(
  '%s: one problem answer, and nothing behind it is taken for a request',
  async (_what, bytes, status) => {
    reached = [];
    const answer = await rawHttp(service.port, bytes, { quiet_ms: 300 });
    expect(statuses(answer)).toEqual([status]);
    const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
    expect(problemSchema.parse(JSON.parse(body)).status).toBe(status);
    expect(answer.toLowerCase()).toContain('cache-control: no-store');
    expect(reached.filter((request) => /smuggled|^TRACE/.test(request))).toEqual([]);
  },
);

test('two good requests in one packet are two answers', async () => {
  const answer = await rawHttp(
    service.port,
    'GET /ok HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  );
  expect(statuses(answer)).toEqual([200, 200]);
});

test('an answer under way is finished before the malformed request behind it is answered', async () => {
  const answer = await rawHttp(
    service.port,
    'GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost a\r\n\r\n',
    { quiet_ms: 1_000 },
  );
  expect(statuses(answer)).toEqual([200, 400]);
});

test('HTTP/1.0 without Host is answered', async () => {
  expect(statuses(await rawHttp(service.port, 'GET /ok HTTP/1.0\r\n\r\n'))).toEqual([200]);
});

/** Sockets that each send `first`, then one byte a second; resolves when all are open. */
async function slowSockets(
  port: number,
  first: string,
  drip: string,
): Promise<{ open(): number; stop(): void }> {
  const sockets: Socket[] = [];
  for (let index = 0; index < 200; index++) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    if (first !== '') socket.write(first);
    sockets.push(socket);
  }
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const dripping = setInterval(() => {
    for (const socket of sockets) if (!socket.destroyed && drip !== '') socket.write(drip);
  }, 1_000);
  return {
    open: () => sockets.filter((socket) => !socket.destroyed).length,
    stop() {
      clearInterval(dripping);
      for (const socket of sockets) socket.destroy();
    },
  };
}

const slow: readonly [first: string, drip: string][] = [
  ['', ''],
  ['GET /ok HTTP/1.1\r\nHost: a\r\nX: ', 'x'],
  ['POST /ok HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{', ' '],
  ['GET /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n', ' '],
];
const slowForm: [string, string] = [
  'POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\na=',
  'x',
];

test.each([
  ['every service', { kinds: [...slow, slowForm] }],
  ['one that gives uploads hours', { kinds: slow, requestTimeout_ms: 6 * 3_600_000 }],
])(
  'many slow sockets of %s are closed within 10 s, and others are served meanwhile',
  async (_, { kinds, ...options }) => {
    await using busy = await startTestService({ routes, ...options });
    const sockets = await Promise.all(kinds.map(([first, drip]) => slowSockets(busy.port, first, drip)));
    try {
      const served = await fetch(`${busy.url}/ok`);
      expect(await served.text()).toBe('fine');
      const open = () => sockets.map((kind) => kind.open());
      await eventually(() => expect(open()).toEqual(kinds.map(() => 0)), {
        timeout_ms: 10_000,
        interval_ms: 100,
      });
    } finally {
      for (const kind of sockets) kind.stop();
    }
  },
);

const get = (path: string, header = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${header}\r\n`;
const tunnel = 'CONNECT other:443 HTTP/1.1\r\nHost: a\r\n\r\n';

test.each([
  ['an unknown expectation', get('/slow') + get('/ok', 'Expect: a-wonder\r\n'), [200, 400]],
  ['CONNECT', get('/slow') + tunnel, [200, 405]],
  ['CONNECT behind two requests', get('/slow') + get('/ok') + tunnel, [200, 200, 405]],
])('%s behind another request is answered after it', async (_what, text, expected) => {
  expect(statuses(await rawHttp(service.port, text))).toEqual(expected);
});

/** An error of a socket that nobody hears would end the process, and this test run with it. */
test('no order of requests and no way to leave ends the service', async () => {
  let state = 7;
  const below = (n: number) => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) % n;
  const parts = [
    get('/ok'),
    get('/slow'),
    get('/ok', 'Expect: a-wonder\r\n'),
    get('/ok', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'),
    'POST /ok HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}',
    tunnel,
    'BREW / HTTP/1.1\r\n\r\n',
    'GET /o',
  ];
  const leave = [
    (socket: Socket) => socket.destroy(),
    (socket: Socket) => socket.resetAndDestroy(),
    (socket: Socket) => socket.end(),
  ];
  for (let round = 0; round < 400; round++) {
    const socket = connect(service.port, '127.0.0.1');
    socket.on('error', () => undefined);
    if (below(3) > 0) socket.resume();
    await once(socket, 'connect');
    for (let count = 1 + below(5); count > 0; count--) socket.write(parts[below(parts.length)] ?? '');
    const go = leave[below(leave.length)];
    setTimeout(() => go?.(socket), below(30));
    setTimeout(() => socket.destroy(), 1_000);
  }
  expect((await fetch(`${service.url}/ok`)).status).toBe(200);
}, 60_000);
