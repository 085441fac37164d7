import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { ReaderProbe, viewsToFindReaders } from './reader-probe.ts';

/** Stands for catalog-read: each connection belongs to the next of its processes. */
const instances = new Map<Socket, string | undefined>();
let processes: readonly (string | undefined)[] = [];
let failing: string | undefined;
let accepted = 0;
let asked_ms: number[] = [];
/** So many requests are answered together, the first number first. After the last one, each is answered alone. */
let together: number[] = [];
let waiting: (() => void)[] = [];
const server: Server = createServer((req, res) => {
  asked_ms.push(performance.now());
  const instance = instances.get(req.socket);
  waiting.push(() => {
    res.statusCode = instance !== undefined && instance === failing ? 503 : 200;
    res.end(
      JSON.stringify({
        postgres: { state: 'value' },
        redis: { state: 'value' },
        near: { state: 'value' },
        lastInvalidation: null,
        process: { instance },
      }),
    );
  });
  if (waiting.length < (together[0] ?? 1)) return;
  together.shift();
  for (const answer of waiting.splice(0)) answer();
});
server.on('connection', (socket: Socket) => {
  instances.set(socket, processes[accepted++ % processes.length]);
  socket.on('close', () => instances.delete(socket));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
afterAll(() => server.close());
beforeEach(() => {
  failing = undefined;
  accepted = 0;
  asked_ms = [];
  together = [];
  waiting = [];
});

const open = (): number => instances.size;
const createProbe = () => new ReaderProbe({ url, token: async () => 'a token' });

test('every process is found, by connections that ask at once, and keeps one of them', async () => {
  processes = ['a', 'b', 'c'];
  // The first is asked alone, because its answer says whether there are others.
  together = [1, viewsToFindReaders - 1];
  const probe = createProbe();
  const views = await probe.views('/v1/products/1');
  expect(views.map(({ instance }) => instance).toSorted()).toEqual(['a', 'b', 'c']);
  expect(accepted).toBe(viewsToFindReaders);
  await expect.poll(open).toBe(3);
  // A later look asks the same processes, each over its connection.
  const again = await probe.views('/v1/products/1');
  expect(again.map(({ instance }) => instance)).toEqual(views.map(({ instance }) => instance));
  expect(accepted).toBe(viewsToFindReaders);
  probe.close();
  await expect.poll(open).toBe(0);
});

test('a process that has ended is found out, and the others are still asked', async () => {
  processes = ['a', 'b'];
  const probe = createProbe();
  await probe.views('/v1/products/1');
  processes = ['b'];
  for (const [socket, instance] of instances) if (instance === 'a') socket.destroy();
  await expect.poll(open).toBe(1);
  const views = await probe.views('/v1/products/1');
  expect(views.map(({ instance }) => instance)).toEqual(['b']);
  probe.close();
  await expect.poll(open).toBe(0);
});

test('a process without a name is the only one', async () => {
  processes = [undefined];
  const probe = createProbe();
  expect(await probe.views('/v1/products/1')).toHaveLength(1);
  expect(accepted).toBe(1);
  probe.close();
});

test('if a process does not tell, no connection stays open', async () => {
  processes = ['a', 'b'];
  failing = 'b';
  await expect(createProbe().views('/v1/products/1')).rejects.toThrow('catalog-read answered 503');
  await expect.poll(open).toBe(0);
});

test('a reader that does not become fresh is asked less and less often', async () => {
  processes = ['a'];
  const probe = createProbe();
  await probe.views('/v1/products/1');
  const ended = new AbortController();
  const never = () => false;
  const asking = probe.untilFresh('/v1/products/1', never, () => undefined, ended.signal);
  const before = asked_ms.length;
  const elapsed_ms = () => asked_ms.slice(before).map((at_ms) => at_ms - (asked_ms[before] ?? 0));
  await expect.poll(() => elapsed_ms().at(-1)).toBeGreaterThan(500);
  ended.abort();
  await asking;
  probe.close();
  const times = elapsed_ms();
  // A timer may be a millisecond early, because it knows whole ones only.
  for (const [index, at_ms] of times.slice(1).entries()) {
    const last_ms = times[index] ?? 0;
    expect(at_ms - last_ms).toBeGreaterThan(0.02 * last_ms - 2);
  }
});
