import { createPool, createServicePool } from '@catalog/database';
import { eventually, startCatalog } from '@catalog/testing';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { Accounts } from './accounts.ts';
import { createPasswordHasher } from './password-hash.ts';
import { createProfileCache } from './profile-cache.ts';

const password = 'correct horse battery staple';

test('a profile is cached here and in Redis, without the password hash, until the user changes', async () => {
  await using started = new AsyncDisposableStack();
  const catalog = started.use(await startCatalog());
  const pool = createServicePool({ url: catalog.database.urlFor('console'), applicationName: 'console' });
  started.defer(() => pool.end());
  const owner = createPool({ url: catalog.database.url, applicationName: 'test' });
  started.defer(() => owner.end());
  const redis = new Redis(catalog.cacheRedis.url);
  started.defer(() => redis.disconnect());
  const accounts = new Accounts(pool, createPasswordHasher());
  const cache = createProfileCache({
    find: (id) => accounts.find(id),
    cacheRedisUrl: catalog.cacheRedis.url,
    database: pool,
    onError: () => undefined,
  });
  started.defer(() => cache.stop());
  await cache.start();

  await accounts.put('ann', password, 'viewer');
  const { rows } = await owner.query<{ id: string }>('select id from catalog.console_users');
  const id = rows[0]?.id ?? '';
  const read = () => cache.profiles.read(id);
  // The auditor would also find a lost change, but later. This test proves that the change itself invalidates.
  const told = async () =>
    (await owner.query("select from catalog.outbox where entity = 'user_profile'")).rowCount;
  expect(await told()).toBe(1);
  await eventually(async () => (await read()).source === 'near');
  expect((await read()).value).toMatchObject({ id, username: 'ann', role: 'viewer' });
  const stored = await redis.get(`user:${id}:profile`);
  expect(stored).toContain('"ann"');
  expect(stored).not.toContain('argon2');
  expect(await redis.pttl(`user:${id}:profile`)).toBeGreaterThan(0);

  await owner.query("update catalog.console_users set role = 'editor' where username = 'ann'");
  await eventually(async () => (await read()).value?.role === 'editor');
  expect(await told()).toBe(2);
  await eventually(async () => (await read()).source === 'near');
  expect(await accounts.remove('ann')).toBe(id);
  await eventually(async () => (await read()).value === null);
  expect(await told()).toBe(3);

  await accounts.put('ben', password, 'admin');
  const ben = await owner.query<{ id: string }>('select id from catalog.console_users');
  await eventually(async () => (await cache.profiles.read(ben.rows[0]?.id ?? '')).source === 'near');
  await owner.query('truncate catalog.console_users');
  await eventually(async () => (await cache.profiles.read(ben.rows[0]?.id ?? '')).value === null);
  expect(await told()).toBe(5);
});
