/** With and without `node:http` in between, a client gets the same answers. */
import { connect } from 'node:net';

import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { eventually } from '@catalog/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { httpLimits } from './limits.ts';
import { startFront } from './repeated-requests.fixture.ts';

type Running = Awaited<ReturnType<typeof startFront>>;
let running: Running;
/** Its front takes no repeated requests. */
let plain: Running;

beforeAll(async () => {
  [running, plain] = await Promise.all([startFront(), startFront(false)]);
});
beforeEach(() => {
  running.front.repeated.length = 0;
  running.front.waits = () => nextTurn();
});
afterAll(async () => {
  await Promise.all([running, plain].map((one) => one?.[Symbol.asyncDispose]()));
});

const get = (url: string, ...more: string[]) =>
  [`GET ${url} HTTP/1.1`, 'Host: a', ...more, '', ''].join('\r\n');

/** A client that sends each chunk by itself. */
function client({ service: { port } }: Running = running) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let received = '';
  let isClosed = false;
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.on('error', () => {});
  socket.on('close', () => (isClosed = true));
  const answers = () => received.match(/HTTP\/1\.1 /g)?.length ?? 0;
  return {
    socket,
    received: () => received,
    answers,
    isClosed: () => isClosed,
    /** Sends a request, and waits for its answer. */
    async ask(text: string): Promise<string> {
      const before = received.length;
      const count = answers();
      socket.write(text, 'latin1');
      await eventually(() => answers() > count || isClosed);
      return received.slice(before);
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

/** Of a client whose headers are known. */
async function knownClient(...more: string[]) {
  const made = client();
  for (const url of ['/now/first', '/now/second', '/now/third']) await made.ask(get(url, ...more));
  await made.ask(get('/now/known', ...more));
  expect(running.front.repeated.at(-1)).toBe('/now/known');
  return made;
}

const withoutDate = (text: string) => text.replaceAll(/^Date: .*$/gm, 'Date: now');

test.each(['now', 'later', 'found'])(
  'a repeated request for /%s/ gets the answer of the first',
  async (kind) => {
    using made = client();
    const ask = async () => withoutDate(await made.ask(get(`/${kind}/1`, 'Authorization: Bearer me')));
    const answers = [await ask(), await ask(), await ask(), await ask()];
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[^]*Keep-Alive: timeout=75\r\n\r\n\/.*\/1 of Bearer me$/,
    );
    expect(running.front.repeated).toContain(`/${kind}/1`);
  },
);

test('other headers are read by node:http, and known from then on', async () => {
  using made = await knownClient('Authorization: Bearer me');
  running.front.repeated.length = 0;
  expect(await made.ask(get('/now/1', 'Authorization: Bearer you'))).toContain('of Bearer you');
  expect(running.front.repeated).toEqual([]);
  expect(await made.ask(get('/now/2', 'Authorization: Bearer you'))).toContain('of Bearer you');
  expect(running.front.repeated).toEqual(['/now/2']);
});

test.each([
  ['another method', get('/now/1').replace('GET', 'PUT')],
  ['an older version', get('/now/1').replace('1.1', '1.0')],
  ['a body', `${get('/now/1', 'Content-Length: 2')}ab`],
  ['a request that is longer', get('/now/1', `Authorization: ${'x'.repeat(httpLimits.repeated_bytes)}`)],
])('%s is never taken for a repeated request', async (_name, text) => {
  using made = await knownClient();
  running.front.repeated.length = 0;
  await made.ask(text);
  await made.ask(text);
  await made.ask(text);
  expect(running.front.repeated).toEqual([]);
});

test('what looks like a known request inside of a header or a body is none', async () => {
  using inHeader = await knownClient();
  running.front.repeated.length = 0;
  inHeader.socket.write('GET /now/1 HTTP/1.1\r\nX: ');
  await pause(20);
  expect(await inHeader.ask(get('/now/inner'))).toContain('/now/1 of');
  using inBody = await knownClient();
  running.front.repeated.length = 0;
  const inner = get('/now/inner');
  inBody.socket.write(`POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: ${inner.length}\r\n\r\n`);
  await pause(20);
  expect(await inBody.ask(inner)).toContain(`POST /x of undefined, ${inner.length} bytes`);
  expect(running.front.repeated).toEqual([]);
});

test('what a client sends behind a request is answered after it, and in its order', async () => {
  using made = await knownClient();
  using other = client();
  let goOn = () => {};
  running.front.waits = () => new Promise<void>((resolve) => (goOn = resolve));
  made.socket.write(get('/later/1'));
  await eventually(() => running.front.repeated.includes('/later/1'));
  made.socket.write(get('/now/2'));
  await pause(20);
  made.socket.write(get('/x/3') + get('/now/4'));
  await pause(20);
  // It is read into the same buffer.
  await other.ask(get('/x/other'));
  expect(made.answers()).toBe(4);
  running.front.waits = () => nextTurn();
  goOn();
  await eventually(() => made.answers() === 8);
  expect(made.received()).toMatch(/\/later\/1 of[^]*\/now\/2 of[^]*GET \/x\/3 of[^]*\/now\/4 of/);
});

test('an answer that waits for the one before it is not overtaken by that of a repeated request', async () => {
  for (let round = 0; round < 20; round++) {
    using made = await knownClient();
    let goOn = () => {};
    running.front.waits = () => new Promise<void>((resolve) => (goOn = resolve));
    made.socket.write(get('/later/1'));
    await eventually(() => running.front.repeated.includes('/later/1'));
    // They wait for the answer, and are then read in one turn of the event loop.
    for (const chunk of [get('/now/2') + get('/now/3'), get('/now/4'), get('/now/5')]) {
      made.socket.write(chunk);
      await pause(3);
    }
    goOn();
    await eventually(() => made.answers() === 9);
    expect(made.received().match(/\d of/g)).toEqual(['1 of', '2 of', '3 of', '4 of', '5 of']);
    running.front.repeated.length = 0;
  }
});

test('a client that sends too much behind a request is cut off', async () => {
  using made = await knownClient();
  vi.spyOn(httpLimits, 'sentAhead_bytes', 'get').mockReturnValue(100);
  running.front.waits = () => pause(50);
  for (const url of ['/later/1', '/later/2', '/later/3', '/later/4']) {
    made.socket.write(get(url));
    await eventually(() => running.front.repeated.includes(url));
    await made.ask(get('/now/behind'));
  }
  await eventually(() => made.answers() === 12);
  expect(made.isClosed()).toBe(false);
  made.socket.write(get('/later/5'));
  await eventually(() => running.front.repeated.includes('/later/5'));
  made.socket.write('x'.repeat(200));
  await eventually(() => made.isClosed());
  vi.restoreAllMocks();
});

test('if clients send too much ahead, those with the most are cut off', async () => {
  using greedy = await knownClient();
  using modest = await knownClient();
  vi.spyOn(httpLimits, 'sentAhead_bytes', 'get').mockReturnValue(10_000);
  let goOn = () => {};
  const waits = new Promise<void>((resolve) => (goOn = resolve));
  running.front.waits = () => waits;
  greedy.socket.write(get('/later/greedy'));
  modest.socket.write(get('/later/modest'));
  await eventually(() => running.front.repeated.filter((url) => url.startsWith('/later/')).length === 2);
  greedy.socket.write('x'.repeat(9_990));
  await pause(20);
  modest.socket.write(get('/now/behind'));
  await eventually(() => greedy.isClosed());
  goOn();
  await eventually(() => modest.received().includes('/now/behind of'));
  expect(modest.isClosed()).toBe(false);
  vi.restoreAllMocks();
});

test.each(['later', 'found'])(
  'a client that leaves before its answer for /%s/ does no harm',
  async (kind) => {
    using made = await knownClient();
    using half = await knownClient();
    running.front.waits = () => pause(50);
    made.socket.write(get(`/${kind}/1`));
    half.socket.end(get(`/${kind}/2`));
    await eventually(() => running.front.repeated.includes(`/${kind}/1`));
    made.socket.resetAndDestroy();
    await eventually(() => half.isClosed());
    // It may get what Node had for the first one.
    using other = client();
    other.socket.write('GET /now/1 HTTP');
    await pause(100);
    expect(await other.ask('/1.1\r\nHost: a\r\n\r\n')).toContain('/now/1 of');
  },
);

test('a client that does not read gets no second answer before it has taken the first', async () => {
  using made = await knownClient();
  made.socket.pause();
  running.front.repeated.length = 0;
  for (let n = 0; n < 20; n++) {
    made.socket.write(get('/now/large'));
    await pause(5);
  }
  expect(running.front.repeated.length).toBeLessThan(10);
  made.socket.resume();
  await eventually(() => made.answers() === 24);
});

test('an answer that its client did not take counts as that of a client who left', async () => {
  await using own = await startFront();
  using made = client(own);
  for (const url of ['/now/1', '/now/2', '/now/3']) await made.ask(get(url));
  const count = async (status: number) =>
    Number(
      new RegExp(`count\\{.*route="/front",status="${status}".*\\} (\\d+)`).exec(
        await own.service.metrics.text(),
      )?.[1] ?? 0,
    );
  made.socket.pause();
  for (let n = 0; n < 20; n++) {
    made.socket.write(get('/now/large'));
    await pause(5);
  }
  const taken = await count(200);
  made.socket.resetAndDestroy();
  await eventually(async () => (await count(499)) === 1);
  expect(await count(200)).toBe(taken);
});

test('an error of the front is logged, and Express answers', async () => {
  using made = await knownClient();
  expect(await made.ask(get('/now/broken'))).toContain('200 OK');
  expect(running.service.logLines.join()).toContain('what the front has read is broken');
});

test('node:http refuses what is malformed behind a repeated request, and CONNECT', async () => {
  using malformed = await knownClient();
  expect(await malformed.ask('nonsense\r\n\r\n')).toContain('HTTP/1.1 400 ');
  using connecting = await knownClient();
  expect(await connecting.ask('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n')).toContain('HTTP/1.1 405 ');
  // It may get what Node had for the other one.
  using other = client();
  other.socket.write('GET /now/1 HTTP');
  await pause(20);
  connecting.socket.write('nonsense');
  await pause(20);
  expect(await other.ask('/1.1\r\nHost: a\r\n\r\n')).toContain('/now/1 of');
  expect(connecting.answers()).toBe(5);
});

test.each([
  ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', '405'],
  ['what is malformed', 'nonsense\r\n\r\n', '400'],
])(
  'the first requests of the front on a connection wait, with %s behind them',
  async (_what, ending, status) => {
    using made = client();
    made.socket.write(get('/slow/1') + get('/now/2') + get('/later/3') + ending, 'latin1');
    await eventually(() => made.isClosed());
    const statuses = [...made.received().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, found]) => found);
    expect(statuses).toEqual(['200', '200', '200', status]);
    using other = client();
    expect(await other.ask(get('/now/1'))).toContain('200 OK');
  },
);

test('a known client may be idle, and one that does not end its request is cut off', async () => {
  using idle = await knownClient();
  using slow = await knownClient();
  slow.socket.write('GET /now/1 HTTP/1.1\r\nX: ');
  await pause(httpLimits.headers_ms + 2 * httpLimits.checkInterval_ms);
  expect(await idle.ask(get('/now/1'))).toContain('200 OK');
  expect(slow.isClosed()).toBe(true);
});

test('the metrics count repeated requests', async () => {
  using made = await knownClient();
  const count = async () =>
    Number(
      /count\{method="GET",route="\/front",status="200".*\} (\d+)/.exec(
        await running.service.metrics.text(),
      )?.[1],
    );
  const before = await count();
  await made.ask(get('/now/1'));
  expect(await count()).toBe(before + 1);
});

test('a drain waits for the answer of a repeated request, which ends the connection', async () => {
  await using draining = await startFront();
  using made = client(draining);
  for (const url of ['/now/1', '/now/2', '/now/3']) await made.ask(get(url));
  using idle = client(draining);
  for (const url of ['/now/1', '/now/2', '/now/3']) await idle.ask(get(url));
  let goOn = () => {};
  draining.front.waits = () => new Promise<void>((resolve) => (goOn = resolve));
  made.socket.write(get('/later/1'));
  await eventually(() => draining.front.repeated.includes('/later/1'));
  const drained = draining.service.drain();
  await pause(50);
  expect(await idle.ask(get('/now/4'))).toContain('Connection: close');
  await eventually(() => idle.isClosed(), { timeout_ms: httpLimits.drainLastAnswers_ms / 2 });
  await pause(httpLimits.drainLastAnswers_ms + 100);
  expect(made.isClosed()).toBe(false);
  goOn();
  await drained;
  await eventually(() => made.isClosed());
  expect(made.received()).toMatch(/Connection: close\r\n\r\n\/later\/1 of undefined$/);
});

const unfinished = (n: number) => `GET /now/${n} HTTP/1.1\r\nAuthorization: Bearer me\r\nX: `;
const twice = (n: number) => get(`/now/${n}`).repeat(2);
const piece = fc.oneof(
  { weight: 8, arbitrary: fc.nat(9).map((n) => [get(`/now/${n}`)]) },
  { weight: 2, arbitrary: fc.nat(9).map((n) => [get(`/later/${n}`)]) },
  { weight: 1, arbitrary: fc.nat(9).map((n) => [get(`/found/${n}`)]) },
  { weight: 1, arbitrary: fc.nat(9).map((n) => [get(`/now/${n}`, 'Authorization: Bearer me')]) },
  { weight: 1, arbitrary: fc.nat(9).map((n) => [get(`/express/${n}`)]) },
  { weight: 1, arbitrary: fc.nat(9).map((n) => [get(`/now/${n}`) + get(`/now/${n + 1}`)]) },
  { weight: 1, arbitrary: fc.nat(9).map((n) => [twice(n), twice(n)]) },
  // More than are read ahead.
  {
    weight: 1,
    arbitrary: fc.nat(9).map((n) => [get(`/later/${n}`).repeat(3) + get(`/slow/${n}`).repeat(9)]),
  },
  { weight: 1, arbitrary: fc.nat(9).map((n) => [get(`/later/${n}`) + get(`/slow/${n}`)]) },
  // What stands behind the place where it is cut looks like a request of its own.
  { weight: 1, arbitrary: fc.nat(9).map((n) => [unfinished(n), get(`/now/${n}`)]) },
  { weight: 1, arbitrary: fc.nat(9).map((n) => [get(`/now/${n}`) + unfinished(n), get(`/now/${n}`)]) },
  {
    weight: 1,
    arbitrary: fc.nat(9).map((n) => {
      const inner = get(`/now/${n}`);
      return [`POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: ${inner.length}\r\n\r\n`, inner];
    }),
  },
  { weight: 1, arbitrary: fc.nat(20).map((at) => [get('/now/cut').slice(0, at), get('/now/cut').slice(at)]) },
);
const last = get('/now/last', 'Connection: close');

/** @param waits whether each chunk is sent when the server has read the one before */
async function answersTo(to: Running, chunks: readonly string[], waits: boolean): Promise<string> {
  using made = client(to);
  for (const chunk of [...chunks, last]) {
    made.socket.write(chunk, 'latin1');
    if (waits) await pause(1);
  }
  await eventually(() => made.isClosed());
  return withoutDate(made.received());
}

test('any requests, however they are cut, get the answers of node:http', { timeout: 120_000 }, async () => {
  let repeated = 0;
  const run = fc.record({
    pieces: fc.array(piece, { minLength: 3, maxLength: 25 }),
    waits: fc.constantFrom(true, true, true, false),
  });
  await fc.assert(
    fc.asyncProperty(run, async ({ pieces, waits }) => {
      const chunks = pieces.flat().filter((chunk) => chunk !== '');
      running.front.repeated.length = 0;
      const [answers, expected] = await Promise.all([
        answersTo(running, chunks, waits),
        answersTo(plain, chunks, waits),
      ]);
      expect(answers).toBe(expected);
      repeated += running.front.repeated.length;
    }),
    { numRuns: 200 },
  );
  expect(repeated).toBeGreaterThan(100);
});
