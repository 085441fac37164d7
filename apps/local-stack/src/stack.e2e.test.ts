/** The real stack, as a person starts it. The tests share one folder, start the stack several times, and run in order. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createPool, type Pool } from '@catalog/database';
import { keysWithoutTtl } from '@catalog/redis';
import { eventually, stackPlace, startLocalStack, type LocalStack, type StackPlace } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandLine } from './machine/process-table.ts';
import { repositoryRoot } from './machine/stack-folder.ts';

interface Row {
  readonly id: string;
  readonly sku: string;
  readonly priceMinor: number;
  readonly version: number;
}

const services = ['invalidation-worker', 'catalog-read', 'catalog-write'] as const;
const stores = ['cache-redis', 'state-redis', 'postgres'] as const;
/** How long a killed process may take to come back, on a machine that is busy with other tests. */
const back_ms = 15_000;

let place: StackPlace;
let stack: LocalStack;
let sql: Pool;
/** The pids of all children of all starts. */
const seen = new Set<number>();

async function start(options: Parameters<typeof startLocalStack>[1] = {}): Promise<void> {
  stack = await startLocalStack(place, options);
  sql = createPool({ url: await stack.databaseUrl(), applicationName: 'psql', statementTimeout_ms: 20_000 });
  await noteChildren();
}

async function noteChildren(): Promise<void> {
  for (const pid of Object.values(await stack.pids())) seen.add(pid);
}

/** The stack must end within the promised 10 s, keep the data, and leave no process. */
async function expectEnd(end: () => void): Promise<void> {
  const began_ms = performance.now();
  end();
  expect(await stack.exited).toBe(0);
  expect(performance.now() - began_ms).toBeLessThan(10_000);
  expect(stack.said.join('\n')).toContain('the data is kept');
  await expectNothingLeft();
}

async function expectNothingLeft(): Promise<void> {
  // A service is recognised by its file, a store by its folder. Another process may have the pid by now.
  const ours = new RegExp(`${place.root}|src/main.ts`);
  for (const pid of seen) {
    // A killed child of a killed stack may need a moment to end.
    await eventually(async () => expect((await commandLine(pid)) ?? '').not.toMatch(ours));
  }
}

beforeAll(async () => {
  place = await stackPlace();
  await start();
});
afterAll(async () => {
  if (!sql.ended) await sql.end();
  await stack[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

async function read(path: string): Promise<{ status: number; from: string | null; row: Row }> {
  const response = await fetch(`${stack.url('catalog-read')}${path}`);
  return {
    status: response.status,
    from: response.headers.get('cache-status'),
    row: (await response.json()) as Row,
  };
}

const product = (id: string) => `/v1/products/${id}`;

async function rows(count: number, offset = 0): Promise<Row[]> {
  const { rows } = await sql.query<Row>(
    'select id, sku, price_minor as "priceMinor", version from catalog.products order by sku limit $1 offset $2',
    [count, offset],
  );
  return rows;
}

/** Waits until reads show the committed rows. The caller has read them before, so that an old value is cached. */
async function expectFresh(ids: readonly string[]): Promise<void> {
  const { rows } = await sql.query<Row>(
    'select id, sku, price_minor as "priceMinor", version from catalog.products where id = any ($1)',
    [ids],
  );
  expect(rows).toHaveLength(ids.length);
  for (const row of rows) {
    await eventually(async () => expect((await read(product(row.id))).row).toMatchObject(row), {
      timeout_ms: back_ms,
    });
  }
}

async function patch(id: string, body: object): Promise<Response> {
  return fetch(`${stack.url('catalog-write')}${product(id)}`, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${await stack.token('catalog-write', 'catalog:write')}`,
      'content-type': 'application/merge-patch+json',
      'if-match': '*',
    },
    body: JSON.stringify(body),
  });
}

test('the first start imports the demo catalog and shows lines to try', async () => {
  const { rows } = await sql.query<{ products: number }>('select count(*) as products from catalog.products');
  expect(rows[0]?.products).toBe(7_975);
  expect(stack.said.join('\n')).toContain('7975 products of the demo catalog were imported');
});

test('the lines to paste work one after the other in a shell', async () => {
  const script = stack.said.filter((line) => /^ {5}\S/.test(line));
  expect(script).toHaveLength(4);
  const { stdout } = await promisify(execFile)('sh', ['-ec', [...script, script[0]].join('\n')], {
    cwd: repositoryRoot,
    env: { ...process.env, STACK_FOLDER: place.root },
  });
  const told = stdout.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('HTTP/1.1 200'));
  const [miss, version, price] = told;
  expect(miss).toBe('Cache-Status: catalog-read; fwd=miss; stored');
  expect(told.slice(3, 6)).toEqual(['Cache-Status: catalog-read; hit; detail=near', version, price]);
  const edited = /^edited, now version (\d+)$/.exec(told[6] ?? '')?.[1];
  const newPrice = Number(price?.split(':')[1]) + 100;
  expect(told.slice(8, 10)).toEqual([`Catalog-Version: ${edited}`, `"priceMinor":${newPrice}`]);
  expect(told[10]?.trim()).toBe('UPDATE 1');
  const id = /products\/([0-9a-f-]{36})/.exec(script[0] ?? '')?.[1] ?? '';
  await eventually(async () => expect((await read(product(id))).row.priceMinor).toBe(newPrice + 100));
});

test('the first read is a miss, the second a near hit, and the first one of another process a hit in Redis', async () => {
  const [row] = await rows(1);
  const path = product(row?.id ?? '');
  expect(await read(path)).toMatchObject({ from: 'catalog-read; fwd=miss; stored', row });
  expect(await read(path)).toMatchObject({ from: 'catalog-read; hit; detail=near', row });
  const from = stack.said.length;
  process.kill((await stack.pids())['catalog-read'] ?? 0, 'SIGKILL');
  await stack.hears(/catalog-read is back/, from);
  // The process counts Redis as fresh from the first heartbeat that it hears.
  await eventually(async () => {
    const metrics = await fetch(`${stack.url('catalog-read')}/metrics`);
    expect(await metrics.text()).toMatch(/^cache_fresh(?:\{.*\})? 1$/m);
  });
  expect(await read(path)).toMatchObject({ from: 'catalog-read; hit; detail=redis', row });
});

test('the console accepts the printed sign-in, shows the state, purges a key, and acts on queues', async () => {
  const told = stack.said.find((line) => line.includes('The console:')) ?? '';
  const [, url = '', username = '', password = ''] =
    /(http\S+) +sign in as (\S+), password (\S+)/.exec(told) ?? [];
  expect((await fetch(`${url}/queues/api/queues`)).status).toBe(401);
  const signedIn = await fetch(`${url}/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ username, password }),
  });
  expect(signedIn.status).toBe(303);
  const Cookie = signedIn.headers.getSetCookie()[0]?.split(';')[0] ?? '';

  await eventually(
    async () => {
      // How long changes take is known when some come between two looks.
      const [changed] = await rows(1, 50);
      await sql.query('update catalog.products set price_minor = price_minor + 1 where sku = $1', [
        changed?.sku,
      ]);
      const { services, feed, rates } = (await (
        await fetch(`${url}/api/state`, { headers: { Cookie } })
      ).json()) as {
        services: { state: string }[];
        feed: { watermarkAgeSeconds?: number; freshP50Ms?: number };
        rates: { near?: number };
      };
      // One for each of the four services that it asks.
      expect(services.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready', 'ready']);
      expect(feed.watermarkAgeSeconds).toBeLessThan(2);
      expect(feed.freshP50Ms).toBeGreaterThan(0);
      expect(rates.near).toBeGreaterThanOrEqual(0);
    },
    { timeout_ms: back_ms },
  );

  const [row] = await rows(1);
  const id = row?.id ?? '';
  await read(product(id));
  const purged = await fetch(`${url}/api/purges`, {
    method: 'POST',
    headers: { Cookie, 'Content-Type': 'application/json' },
    body: JSON.stringify({ key: `product:${id}`, reason: 'an end-to-end test' }),
  });
  expect(await purged.json()).toEqual({ entries: 1, invalidated: 1 });
  expect((await read(product(id))).row).toMatchObject({ id });

  // The ACL user of the console may do what the buttons of the dashboard need.
  for (const action of ['pause', 'resume', 'empty', 'clean/completed', 'clean/failed', 'promote']) {
    const address = `${url}/queues/api/queues/refresh/${action}`;
    const { ok } = await fetch(address, { method: 'PUT', headers: { Cookie } });
    expect([action, ok]).toEqual([action, true]);
  }
});

test('reads show an edit through the API, an edit through SQL, and an edit of all rows', async () => {
  const ids = (await rows(30)).map(({ id }) => id);
  const readAll = () => Promise.all(ids.map(async (id) => read(product(id))));
  const [first = ''] = ids;

  await readAll();
  expect((await patch(first, { priceMinor: 111 })).status).toBe(200);
  await expectFresh([first]);
  expect((await read(product(first))).row.priceMinor).toBe(111);

  await sql.query('update catalog.products set price_minor = 222 where id = $1', [first]);
  await expectFresh([first]);
  expect((await read(product(first))).row.priceMinor).toBe(222);

  await readAll();
  const { rowCount } = await sql.query('update catalog.products set price_minor = price_minor + 1');
  expect(rowCount).toBe(7_975);
  await expectFresh(ids);
  expect((await read(product(first))).row.priceMinor).toBe(223);
});

test('after one statement swaps two SKUs, each SKU leads to the other product', async () => {
  const [one, other] = await rows(2, 100);
  if (one === undefined || other === undefined) throw new Error('two products are needed');
  const bySku = (sku: string) => `/v1/products/by-sku/${encodeURIComponent(sku)}`;
  expect((await read(bySku(one.sku))).row.id).toBe(one.id);
  expect((await read(bySku(other.sku))).row.id).toBe(other.id);
  await sql.query(
    'update catalog.products set sku = case id when $1 then $4 else $3 end where id in ($1::uuid, $2::uuid)',
    [one.id, other.id, one.sku, other.sku],
  );
  await eventually(async () => {
    expect((await read(bySku(one.sku))).row).toMatchObject({ id: other.id, sku: one.sku });
    expect((await read(bySku(other.sku))).row).toMatchObject({ id: one.id, sku: other.sku });
  });
});

test('a deleted product is not found, neither by id nor by SKU', async () => {
  const [row] = await rows(1, 200);
  if (row === undefined) throw new Error('a product is needed');
  const paths = [product(row.id), `/v1/products/by-sku/${encodeURIComponent(row.sku)}`];
  for (const path of paths) expect((await read(path)).status).toBe(200);
  await sql.query('delete from catalog.products where id = $1', [row.id]);
  for (const path of paths) await eventually(async () => expect((await read(path)).status).toBe(404));
});

test('each key of the state Redis has a TTL, or is in the table of keys with a bound', async () => {
  const products = await rows(100, 200);
  const ids = products.map(({ id }) => id).join(',');
  await fetch(`${stack.url('catalog-read')}/v1/products?ids=${ids}`);
  const dryRun = await fetch(`${stack.url('catalog-write')}/v1/imports?mode=skip-failed&dryRun=true`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await stack.token('catalog-write', 'catalog:write')}`,
      'content-type': 'application/x-ndjson',
    },
    body: `${JSON.stringify({ sku: products[0]?.sku, name: 'Lamp' })}\n`,
  });
  expect(dryRun.status).toBe(200);
  await fetch(`${stack.url('orders')}/v1/stock/${products[0]?.sku}`, {
    headers: { authorization: `Bearer ${await stack.token('orders', 'orders:read')}` },
  });
  const refused = await fetch(`${stack.url('console')}/sign-in`, {
    method: 'POST',
    headers: { origin: new URL(stack.url('console')).origin },
    body: new URLSearchParams({ username: 'nobody', password: 'a wrong password' }),
  });
  expect(refused.status).toBe(401);
  await using redis = Object.assign(new Redis(await stack.redisUrl('state')), {
    [Symbol.asyncDispose]: async () => redis.disconnect(),
  });
  // The worker takes up to ten seconds to write the list.
  await eventually(async () => (await redis.exists('views:popular')) === 1, { timeout_ms: back_ms });
  const keys = await redis.keys('*');
  for (const family of ['bull', 'views', 'rate', 'temporary', 'throttle', 'session', 'lock']) {
    expect(
      keys.filter((key) => key.startsWith(`${family}:`)),
      family,
    ).not.toEqual([]);
  }
  const lasting: string[] = [];
  for (const key of keys) if ((await redis.ttl(key)) === -1) lasting.push(key);
  expect(lasting.filter((key) => !keysWithoutTtl.some((family) => family.keys.test(key)))).toEqual([]);
  for (const family of keysWithoutTtl) {
    const found = lasting.filter((key) => family.keys.test(key));
    expect(found.length, family.bound).toBeLessThanOrEqual(family.most);
  }
});

test.each([...services, ...stores])(
  '%s is killed and comes back, and reads show the right data',
  async (name) => {
    const ids = (await rows(20, 300)).map(({ id }) => id);
    await Promise.all(ids.map((id) => read(product(id))));
    const from = stack.said.length;
    process.kill((await stack.pids())[name] ?? 0, 'SIGKILL');
    // Change the data while the process is away.
    if (name !== 'postgres') await sql.query('update catalog.products set price_minor = price_minor + 1');
    await stack.hears(new RegExp(`${name} is back`), from);
    await sql.query('update catalog.products set weight_grams = 7 where id = $1', [ids[0]]);
    await eventually(async () => expect((await patch(ids[1] ?? '', { weightGrams: 8 })).status).toBe(200), {
      timeout_ms: back_ms,
    });
    await expectFresh(ids);
    await noteChildren();
  },
  40_000,
);

test('a second stack on the same ports is refused, and the process that holds the port is named', async () => {
  await using elsewhere = await stackPlace();
  await using second = await startLocalStack(
    { base: place.base, root: elsewhere.root },
    { awaitReady: false },
  );
  expect(await second.exited).toBe(1);
  expect(second.said.join('\n')).toMatch(
    new RegExp(`port ${stack.port('postgres')} \\(for postgres\\) is taken by .*postgres.* \\(pid \\d+\\)`),
  );
  expect(second.said.join('\n')).toContain('PORT_BASE=5000 npm start');
});

test('the next start ends what a killed stack left running, and has the data', async () => {
  const [row] = await rows(1);
  await sql.query('update catalog.products set price_minor = 4711 where id = $1', [row?.id]);
  await sql.end();
  stack.signal('SIGKILL');
  await stack.exited;

  // Start it through npm, for the Ctrl-C in the next test.
  await start({ through: 'npm' });
  expect(stack.said.join('\n')).toContain('left over from a stack that was killed');
  expect(stack.said.join('\n')).not.toContain('were imported');
  await expectFresh([row?.id ?? '']);
  expect((await read(product(row?.id ?? ''))).row.priceMinor).toBe(4711);
}, 60_000);

test('Ctrl-C reaches the whole process group, and everything ends in order within 10 s', async () => {
  await sql.query('update catalog.products set price_minor = 4712');
  await sql.end();
  await expectEnd(() => stack.signal('SIGINT', 'group'));

  await start();
  const [row] = await rows(1);
  await expectFresh([row?.id ?? '']);
  expect((await read(product(row?.id ?? ''))).row.priceMinor).toBe(4712);
}, 60_000);

test('services that hang are killed at the same time, so that the stores can still end in order within 10 s', async () => {
  const hung = ['invalidation-worker', 'catalog-read', 'catalog-write', 'orders', 'console'] as const;
  await noteChildren();
  const pids = await stack.pids();
  const log = join(stack.folder, 'logs/postgres.log');
  await sql.end();
  const from = stack.said.length;
  // A process in SIGSTOP does not react to SIGTERM.
  for (const name of hung) process.kill(pids[name] ?? 0, 'SIGSTOP');
  await expectEnd(() => stack.signal('SIGTERM'));
  const killed = stack.said
    .slice(from)
    .flatMap((line) => /(\S+) did not end in .* killed/.exec(line)?.[1] ?? []);
  expect(killed.sort()).toEqual([...hung].sort());
  expect(await readFile(log, 'utf8')).toContain('database system is shut down');
  await start();
}, 60_000);

test('after TRUNCATE reads find nothing', async () => {
  const [row] = await rows(1);
  expect((await read(product(row?.id ?? ''))).status).toBe(200);
  await sql.query('truncate catalog.products');
  await eventually(async () => expect((await read(product(row?.id ?? ''))).status).toBe(404));
});

test('reset is refused while the stack runs, and deletes everything after SIGTERM', async () => {
  const reset = () =>
    promisify(execFile)(process.execPath, [join(import.meta.dirname, 'main.ts'), 'reset'], {
      env: { ...process.env, PORT_BASE: String(place.base), STACK_FOLDER: place.root },
    });
  await expect(reset()).rejects.toMatchObject({
    stderr: expect.stringContaining('already running') as string,
  });
  await sql.end();
  await expectEnd(() => stack.signal('SIGTERM'));
  expect(existsSync(join(place.root, String(place.base), 'postgres'))).toBe(true);
  await reset();
  expect(existsSync(join(place.root, String(place.base)))).toBe(false);
});
