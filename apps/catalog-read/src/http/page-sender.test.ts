import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import type { ListPage } from '@catalog/cache';
import { createLogger, createMetrics, createServiceApp, readiness, startServer } from '@catalog/service-kit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { PageSender } from './page-sender.ts';

let page: ListPage;
let compressions: number;
let server: Awaited<ReturnType<typeof startServer>>;

beforeAll(async () => {
  const log = createLogger({ service: 'test', level: 'silent' });
  const pages = new PageSender((payload) => {
    compressions += 1;
    return promisify<Buffer, Buffer>(gzip)(payload);
  });
  const app = createServiceApp({
    service: 'test',
    log,
    metrics: createMetrics({ service: 'test' }),
    readiness: readiness(),
    routes: (routes) => routes.get('/page', (req, res) => pages.send(req, res, page)),
  });
  server = await startServer({ app, listen: { port: 0, host: '127.0.0.1' }, log, drainGrace_ms: 0 });
});
afterAll(async () => {
  server.server.closeAllConnections();
  await server.drain();
});
beforeEach(() => {
  compressions = 0;
  page = pageOf('first', 5_000);
});

const pageOf = (id: string | undefined, size: number): ListPage => ({
  payload: Buffer.from(JSON.stringify({ data: ['ä'.repeat(size / 2)] })),
  source: 'redis',
  age_ms: 0,
  ...(id !== undefined && { id }),
});

async function read(accepts?: string) {
  const asking = get({
    port: server.port,
    path: '/page',
    headers: accepts === undefined ? {} : { 'Accept-Encoding': accepts },
  });
  const [res] = (await once(asking, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of res) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  expect(res.headers).toMatchObject({ vary: 'Accept-Encoding', 'content-length': String(body.length) });
  return { encoding: res.headers['content-encoding'], body };
}

test('a page is compressed once for all clients that accept it, also for those that ask at the same time', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => read('br, gzip')));
  answers.push(await read('gzip'));
  for (const { encoding, body } of answers) {
    expect(encoding).toBe('gzip');
    expect(body.length).toBeLessThan(page.payload.length / 10);
    expect(gunzipSync(body)).toEqual(page.payload);
  }
  expect(compressions).toBe(1);
});

test('the next page of the same list is compressed anew', async () => {
  await read('gzip');
  page = pageOf('second', 6_000);
  expect(gunzipSync((await read('gzip')).body)).toEqual(page.payload);
});

/** Nobody takes it apart. */
const longList = `gzip${', x'.repeat(100)}`;

test.each([undefined, '', 'identity', 'br', 'gzip;q=0', 'gzip;q=0.5, identity', '*;q=0', longList])(
  'a client that sends "Accept-Encoding: %s" gets the page as it is',
  async (accepts) => {
    expect(await read(accepts)).toEqual({ encoding: undefined, body: page.payload });
    expect(compressions).toBe(0);
  },
);

test.each<[string, () => ListPage]>([
  ['below a kilobyte', () => pageOf('small', 900)],
  ['that is not in Redis', () => pageOf(undefined, 5_000)],
])('a page %s is sent as it is', async (_which, make) => {
  page = make();
  expect(await read('gzip')).toEqual({ encoding: undefined, body: page.payload });
  expect(compressions).toBe(0);
});
