/** Which servers a service's sessions trust, on real standbys. */
import { copyStopped, createTestDatabase, startPostgres, startStandby, tcpProxy } from '@catalog/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, test, vi } from 'vitest';
import { insertRow } from '../testing/products.ts';
import { createPool } from './pool.ts';
import { beginIncarnation, confirmPrimary } from './primary.ts';
import { createServicePool, type ServicePool } from './service-pool.ts';
import { wasNeverDrawn } from './versions.ts';

// Each server takes a second or more to start beside other tests.
vi.setConfig({ testTimeout: 60_000 });

const roles = ['catalog_read', 'catalog_write', 'invalidation_worker', 'orders', 'console'];

const at = (url: string, port: number) => url.replace(/:\d+\//, `:${port}/`);
const lastVersion = async (pool: Pick<ServicePool, 'query'>) =>
  (await pool.query<{ last_value: number }>('select last_value from catalog.versions')).rows[0]?.last_value ??
  0;

test('a session to a standby is refused, whatever the role', async () => {
  await using primary = await startPostgres();
  await using database = await createTestDatabase({ migrated: true, serverUrl: primary.url });
  await using standby = await startStandby(primary);
  for (const role of roles) {
    const url = database.urlFor(role);
    const pool = createServicePool({ url, applicationName: 'test' });
    expect(await pool.currentIncarnation()).toMatch(/^[0-9a-f-]{36}$/);
    expect((await pool.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
    await pool.end();
    const lagging = createServicePool({ url: at(url, standby.port), applicationName: 'test' });
    await standby.catchUp();
    await expect(lagging.query('select 1 as a')).rejects.toMatchObject({
      code: '57P03',
      message: expect.stringContaining('standby') as string,
    });
    await expect(lagging.currentIncarnation()).rejects.toMatchObject({ code: '57P03' });
    await lagging.end();
  }
});

test('a promoted standby that lacks the last commits draws versions beyond those that were lost', async () => {
  await using primary = await startPostgres();
  await using database = await createTestDatabase({ migrated: true, serverUrl: primary.url });
  await using standby = await startStandby(primary);
  await using proxy = await tcpProxy({ to: primary.port });
  const owner = createPool({ url: database.url, applicationName: 'owner' });
  const pool = createServicePool({
    url: at(database.urlFor('catalog_write'), proxy.port),
    applicationName: 'test',
  });
  try {
    const heard: string[] = [];
    pool.onIncarnation(({ incarnation }) => heard.push(incarnation));
    const before = await pool.currentIncarnation();
    const kept = await insertRow(pool);
    await standby.catchUp();
    await standby.pauseReplication();
    const lost = [];
    for (let i = 0; i < 100; i += 1) lost.push(await insertRow(pool, { sku: `LOST-${i}` }));

    // The pool still has a session on the old primary, which nobody has fenced.
    expect((await pool.query('select count(*) from catalog.products')).rows).toEqual([{ count: 101 }]);
    await standby.promote();
    proxy.retarget(standby.port);
    const after = await pool.currentIncarnation();
    expect(after).not.toBe(before);
    expect(heard).toEqual([after]);
    expect((await pool.query('select id from catalog.products')).rows).toEqual([{ id: kept.id }]);
    const next = await insertRow(pool, { sku: 'NEXT' });
    const { rows } = await pool.query<{ version: number }>(
      'select version from catalog.products where id = $1',
      [next.id],
    );
    expect(rows[0]?.version).toBeGreaterThan(await lastVersion(owner));
    expect(rows[0]?.version).toBeGreaterThanOrEqual(2 ** 36);
  } finally {
    await Promise.all([pool.end(), owner.end()]);
  }
});

test('a standby that is promoted without a loss is another incarnation too', async () => {
  await using primary = await startPostgres();
  const database = await createTestDatabase({ migrated: true, serverUrl: primary.url });
  await using standby = await startStandby(primary);
  const url = database.urlFor('catalog_read');
  const pool = createServicePool({ url, applicationName: 'test' });
  const before = await pool.currentIncarnation();
  await pool.end();
  await standby.catchUp();
  await primary.kill('SIGQUIT');
  await standby.promote();
  const promoted = createServicePool({ url: at(url, standby.port), applicationName: 'test' });
  try {
    const after = await promoted.currentIncarnation();
    expect(after).not.toBe(before);
    await standby.restart();
    expect(await promoted.currentIncarnation()).toBe(after);
  } finally {
    await promoted.end();
  }
});

test('sessions that arrive at once begin one incarnation', async () => {
  await using database = await createTestDatabase({ migrated: true });
  const owner = createPool({ url: database.url, applicationName: 'owner', max: 20 });
  try {
    const { incarnation } = await confirmPrimary(owner);
    await owner.query("update catalog.database_incarnation set facts = 'another server'");
    const before = await lastVersion(owner);
    const found = await Promise.all(Array.from({ length: 20 }, () => confirmPrimary(owner)));
    expect(found.filter(({ began }) => began)).toHaveLength(1);
    expect(new Set(found.map((primary) => primary.incarnation)).size).toBe(1);
    expect(found[0]?.incarnation).not.toBe(incarnation);
    expect(await lastVersion(owner)).toBe(before + 2 ** 36);
  } finally {
    await owner.end();
  }
});

test('a copy of the database is another incarnation', async () => {
  await using database = await createTestDatabase({ migrated: true });
  const owner = createPool({ url: database.url, applicationName: 'owner' });
  const { incarnation } = await confirmPrimary(owner);
  await owner.end();
  const copyName = `${database.name}_copy`;
  const admin = new Client({ connectionString: database.url.replace(database.name, 'postgres') });
  await admin.connect();
  await admin.query(`create database ${copyName} template ${database.name}`);
  const copy = createServicePool({
    url: database.urlFor('catalog_read').replace(database.name, copyName),
    applicationName: 'test',
  });
  try {
    expect(await copy.currentIncarnation()).not.toBe(incarnation);
  } finally {
    await copy.end();
    await admin.query(`drop database ${copyName} with (force)`);
    await admin.end();
  }
});

test('the worker begins an incarnation where Postgres went back on the same timeline, once', async () => {
  await using primary = await startPostgres();
  await using database = await createTestDatabase({ migrated: true, serverUrl: primary.url });
  const pool = createServicePool({ url: database.urlFor('invalidation_worker'), applicationName: 'test' });
  const owner = createPool({ url: database.url, applicationName: 'owner' });
  const snapshot = await mkdtemp(join(tmpdir(), 'catalog-test-snapshot-'));
  try {
    const before = await pool.currentIncarnation();
    await primary.kill('SIGINT');
    await copyStopped(primary.directory, snapshot);
    await primary.restart();
    // What is lost may have followed a restart, which had skipped versions too.
    await pool.currentIncarnation();
    for (let i = 0; i < 100; i += 1) await insertRow(owner, { sku: `LOST-${i}` });
    const served = await lastVersion(owner);
    await primary.kill('SIGKILL');
    await rm(primary.directory, { recursive: true });
    await copyStopped(snapshot, primary.directory);
    await primary.restart();

    // The server, the database and the timeline are the same. The restart skips versions, so that none repeats.
    expect(await pool.currentIncarnation()).toBe(before);
    expect(await lastVersion(owner)).toBeGreaterThan(served);
    expect(await wasNeverDrawn(pool, served)).toBe(true);
    const began = await Promise.all([1, 2].map(() => beginIncarnation(pool, served, before)));
    expect(began.filter(Boolean)).toHaveLength(1);
    expect(await pool.currentIncarnation()).not.toBe(before);
    expect(await lastVersion(owner)).toBeGreaterThan(served + 2 ** 36);
    expect(await wasNeverDrawn(pool, await lastVersion(owner))).toBe(false);
  } finally {
    await Promise.all([pool.end(), owner.end(), rm(snapshot, { recursive: true })]);
  }
});

test('a restart without a loss keeps the incarnation, and skips versions once', async () => {
  await using primary = await startPostgres();
  await using database = await createTestDatabase({ migrated: true, serverUrl: primary.url });
  const pool = createServicePool({ url: database.urlFor('invalidation_worker'), applicationName: 'test' });
  const owner = createPool({ url: database.url, applicationName: 'owner' });
  try {
    const before = await pool.currentIncarnation();
    await insertRow(owner);
    const drawn = await lastVersion(owner);
    await primary.kill('SIGINT');
    await primary.restart();
    const found = await Promise.all(Array.from({ length: 10 }, () => pool.currentIncarnation()));
    expect(new Set(found)).toEqual(new Set([before]));
    const next = await lastVersion(owner);
    expect(next).toBeGreaterThanOrEqual(drawn + 2 ** 32);
    expect(await wasNeverDrawn(pool, drawn)).toBe(false);
    expect(await wasNeverDrawn(pool, next)).toBe(true);
    await insertRow(owner, { sku: 'NEXT' });
    expect(await wasNeverDrawn(pool, await lastVersion(owner))).toBe(false);
  } finally {
    await Promise.all([pool.end(), owner.end()]);
  }
});

test('versions that were lost do not repeat, though Postgres went back within a second of the restart before', async () => {
  await using database = await createTestDatabase({ migrated: true });
  const owner = createPool({ url: database.url, applicationName: 'owner' });
  const restart = async () => {
    await owner.query("update catalog.database_incarnation set server_started_at = '2026-01-01'");
    await confirmPrimary(owner);
    return lastVersion(owner);
  };
  try {
    const kept = await restart();
    for (let round = 0; round < 20; round += 1) {
      const served = (await restart()) + 100;
      await owner.query('select setval($1, $2)', ['catalog.versions', kept]);
      await owner.query('delete from catalog.version_gaps');
      expect(await restart()).toBeGreaterThan(served);
      await owner.query('select setval($1, $2)', ['catalog.versions', kept]);
      await owner.query('delete from catalog.version_gaps');
    }
  } finally {
    await owner.end();
  }
});

test('a restart that would need versions beyond 2^53 - 1 skips none, and sessions go on', async () => {
  await using database = await createTestDatabase({ migrated: true });
  const owner = createPool({ url: database.url, applicationName: 'owner' });
  try {
    await confirmPrimary(owner);
    await owner.query(`select setval('catalog.versions', ${Number.MAX_SAFE_INTEGER - 1})`);
    await owner.query("update catalog.database_incarnation set server_started_at = '2026-01-01'");
    const warnings: string[] = [];
    const client = await owner.connect();
    client.on('notice', ({ message }) => warnings.push(message ?? ''));
    await confirmPrimary(client);
    client.release();
    expect(warnings.join()).toContain('the versions end at 2^53 - 1');
    expect(await lastVersion(owner)).toBe(Number.MAX_SAFE_INTEGER - 1);
    await confirmPrimary(owner);
  } finally {
    await owner.end();
  }
});

test('an incarnation that would need versions beyond 2^53 - 1 is refused', async () => {
  await using database = await createTestDatabase({ migrated: true });
  const owner = createPool({ url: database.url, applicationName: 'owner' });
  try {
    const { incarnation } = await confirmPrimary(owner);
    await owner.query(`select setval('catalog.versions', ${Number.MAX_SAFE_INTEGER - 2 ** 30})`);
    await expect(beginIncarnation(owner, 1, incarnation)).rejects.toThrow('the versions end at 2^53 - 1');
    expect((await confirmPrimary(owner)).incarnation).toBe(incarnation);
  } finally {
    await owner.end();
  }
});

test('no incarnation begins for a version that was never drawn, nor many one after the other', async () => {
  await using database = await createTestDatabase({ migrated: true });
  const owner = createPool({ url: database.url, applicationName: 'owner' });
  try {
    const { incarnation } = await confirmPrimary(owner);
    const before = await lastVersion(owner);
    const forged = Number.MAX_SAFE_INTEGER - 2 ** 36 - 2;
    expect(await beginIncarnation(owner, forged, incarnation)).toBe(false);
    expect(await lastVersion(owner)).toBe(before);
    expect(await beginIncarnation(owner, before + 1_000, incarnation)).toBe(true);
    const next = await confirmPrimary(owner);
    expect(await beginIncarnation(owner, 1, next.incarnation)).toBe(false);
    const age = (ms: number) =>
      owner.query(
        "select setval('catalog.last_incarnation_ms', last_value - $1) from catalog.last_incarnation_ms",
        [ms],
      );
    await age(11_000);
    expect(await beginIncarnation(owner, 1, next.incarnation)).toBe(true);
    // Who could begin one each 10 s would use up all versions in a day.
    await owner.query(`select setval('catalog.versions', last_value + ${2 ** 47}) from catalog.versions`);
    const last = await confirmPrimary(owner);
    await age(59 * 60_000);
    expect(await beginIncarnation(owner, 1, last.incarnation)).toBe(false);
    await age(60_000);
    expect(await beginIncarnation(owner, 1, last.incarnation)).toBe(true);
  } finally {
    await owner.end();
  }
});

test('an incarnation whose beginning is rolled back counts too: the versions that it has skipped are gone', async () => {
  await using database = await createTestDatabase({ migrated: true });
  const owner = createPool({ url: database.url, applicationName: 'owner' });
  const worker = new Client({ connectionString: database.urlFor('invalidation_worker') });
  try {
    await worker.connect();
    const { incarnation } = await confirmPrimary(owner);
    const beginAndRollBack = async () => {
      await worker.query('begin');
      const { rows } = await worker.query<{ began: boolean }>(
        'select catalog.begin_incarnation(0, $1) as began',
        [incarnation],
      );
      await worker.query('rollback');
      return rows[0]?.began;
    };
    expect(await beginAndRollBack()).toBe(true);
    expect((await confirmPrimary(owner)).incarnation).toBe(incarnation);
    const skipped = await lastVersion(owner);
    expect(await beginAndRollBack()).toBe(false);
    expect(await lastVersion(owner)).toBe(skipped);
  } finally {
    await Promise.all([owner.end(), worker.end()]);
  }
});
