/** Secrets and personal data must not leak into logs, jobs, keys or command lines, and services reach one database only. */
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPool } from '@catalog/database';
import { eventually, stackPlace, startLocalStack } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, expect, test } from 'vitest';
import { commandLine } from './machine/process-table.ts';

const place = await stackPlace();
const stack = await startLocalStack(place);
const sql = createPool({ url: await stack.databaseUrl(), applicationName: 'psql' });
const folder = join(place.root, String(place.base));
afterAll(async () => {
  await sql.end();
  await stack[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

async function readLogs(): Promise<string[]> {
  const names = await readdir(join(folder, 'logs'));
  return Promise.all(names.map((name) => readFile(join(folder, 'logs', name), 'utf8')));
}

/** Every key of the queues with its content. */
async function queueContents(): Promise<string[]> {
  const redis = new Redis(await stack.redisUrl('state'));
  const contents: Record<string, (key: string) => Promise<unknown>> = {
    string: (key) => redis.get(key),
    hash: (key) => redis.hgetall(key),
    list: (key) => redis.lrange(key, 0, -1),
    set: (key) => redis.smembers(key),
    zset: (key) => redis.zrange(key, '0', '-1'),
    stream: (key) => redis.xrange(key, '-', '+'),
  };
  const found: string[] = [];
  try {
    for await (const keys of redis.scanStream({ match: 'bull:*' })) {
      for (const key of keys as string[]) {
        const type = await redis.type(key);
        // It was deleted since the scan.
        if (type === 'none') continue;
        found.push(`${key} ${JSON.stringify(await contents[type]?.(key))}`);
      }
    }
  } finally {
    redis.disconnect();
  }
  return found;
}

test('no job, no cache key and no log names a person: they hold ids only', async () => {
  const [user, customer] = ['canary.user@example.com', 'canary-customer@example.com'];
  const { rows: users } = await sql.query<{ id: string }>(
    "insert into catalog.console_users (username, password_hash, role) values ($1, '$argon2id$', 'viewer') returning id",
    [user],
  );
  await sql.query("update catalog.console_users set role = 'admin' where username = $1", [user]);
  const { rows: products } = await sql.query<{ sku: string }>('select sku from catalog.products limit 1');
  const orders = async (path: string, body: object) => {
    const response = await fetch(`${stack.url('orders')}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await stack.token('orders', 'orders:write')}`,
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
      },
      body: JSON.stringify(body),
    });
    expect(response.status, await response.clone().text()).toBeLessThan(300);
    return (await response.json()) as { id: string };
  };
  const sku = products[0]?.sku ?? '';
  await orders(`/v1/stock/${encodeURIComponent(sku)}/adjustments`, { delta: 5, reason: 'received' });
  const { id } = await orders('/v1/orders', { customerId: customer, lines: [{ sku, quantity: 1 }] });
  await orders(`/v1/orders/${id}/complete`, {});

  // Wait until both changes are in the queue.
  const queued = await eventually(async () => {
    const jobs = await queueContents();
    const text = jobs.join('\n');
    return text.includes(users[0]?.id ?? 'none') && text.includes('sales_month') && jobs;
  });
  const cache = new Redis(await stack.redisUrl('cache'));
  const keys: string[] = [];
  for await (const some of cache.scanStream()) keys.push(...(some as string[]));
  cache.disconnect();
  const logs = await readLogs();
  for (const [where, texts] of Object.entries({ jobs: queued, keys, logs })) {
    expect(texts.length, where).toBeGreaterThan(0);
    expect(texts.join('\n'), where).not.toMatch(/canary/);
  }
});

test('no secret is in a log, in the printed output, in a command line or in a job', async () => {
  const { tokenKey, serviceKeys, random, ...passwords } = JSON.parse(
    await readFile(join(folder, 'secrets.json'), 'utf8'),
  ) as Record<string, Record<string, string>>;
  const secrets = [
    ...Object.values(passwords).flatMap((each) => Object.values(each)),
    random?.['console-session-secret'] ?? '',
    ...[tokenKey, ...Object.values((serviceKeys ?? {}) as unknown as Record<string, { d: string }>)].map(
      (key) => key?.d ?? '',
    ),
  ].filter((secret) => secret !== '');
  expect(secrets.length).toBeGreaterThan(8);

  const logs = await readLogs();
  const lines = await Promise.all(Object.values(await stack.pids()).map((pid) => commandLine(pid)));
  const places = { logs, printed: stack.said, lines, jobs: await queueContents() };
  for (const [where, texts] of Object.entries(places)) {
    expect(texts.length, where).toBeGreaterThan(0);
    for (const secret of secrets) expect(texts.join('\n').includes(secret), where).toBe(false);
  }
});

test.each(['postgres', 'template1'])('a service may not use the database %s', async (name) => {
  const url = new URL(await stack.databaseUrl('orders'));
  url.pathname = name;
  const pool = createPool({ url: url.href, applicationName: 'test', max: 1 });
  await expect(pool.query('select 1')).rejects.toThrow('permission denied for database');
  await pool.end();
});
