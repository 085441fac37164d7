/** The order of the changes when transactions commit late, and where a cursor ends. */
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import type { Pool, PoolClient } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createPool } from '../postgres/pool.ts';
import { createServicePool } from '../postgres/service-pool.ts';
import { dropExpiredHistory } from '../retention/history-partitions.ts';
import { insertRow } from '../testing/products.ts';
import { readCursor } from './cursor.ts';
import { markChanges } from './mark-changes.ts';
import { readChanges, type ChangesStart, type ReadChange } from './read-changes.ts';

let database: TestDatabase;
let owner: Pool;
let read: Pool;
let worker: Pool;
const opened: PoolClient[] = [];
// Each test has its own database, because one deletes marks and another begins an incarnation.
beforeEach(async () => {
  database = await createTestDatabase({ migrated: true });
  owner = createPool({ url: database.url, applicationName: 'test', max: 20 });
  read = createServicePool({ url: database.urlFor('catalog_read'), applicationName: 'read' });
  worker = createServicePool({ url: database.urlFor('invalidation_worker'), applicationName: 'worker' });
});
afterEach(async () => {
  for (const session of opened.splice(0)) {
    await session.query('rollback');
    session.release();
  }
  await Promise.all([owner.end(), read.end(), worker.end()]);
  await database[Symbol.asyncDispose]();
});

async function begin(): Promise<PoolClient> {
  const session = await owner.connect();
  opened.push(session);
  await session.query('begin');
  return session;
}
const rename = (db: Pool | PoolClient, id: string) =>
  db.query("update catalog.products set name = name || '!' where id = $1", [id]);

/** Reads pages until there are no more. */
async function readAll(start: ChangesStart, limit = 100) {
  const changes: ReadChange[] = [];
  for (let from = start; ;) {
    const page = await readChanges(read, from, limit);
    changes.push(...page.changes);
    from = page.next;
    if (!page.hasMore) return { changes, next: page.next };
  }
}
const latest = async () => (await readAll('latest')).next;
const keysOf = (changes: readonly ReadChange[]) => changes.map(({ key }) => key);

test('a change has its kind, version, changed fields, person and time', async () => {
  const from = await latest();
  const session = await begin();
  await session.query("select set_config('catalog.changed_by', 'ann', true)");
  const { id } = await insertRow(session);
  await session.query("update catalog.products set price_minor = 7, brand = 'B' where id = $1", [id]);
  await session.query('commit');
  await owner.query('delete from catalog.products where id = $1', [id]);
  const { changes } = await readAll(from);
  expect(changes).toMatchObject([
    { key: id, kind: 'created', changedFields: [], changedBy: 'ann' },
    { key: id, kind: 'updated', changedFields: ['brand', 'priceMinor'], changedBy: 'ann' },
    { key: id, kind: 'deleted', changedFields: [], changedBy: 'sql' },
  ]);
  const { rows } = await owner.query<{ version: number }>(
    'select version from catalog.product_history where product_id = $1 order by version',
    [id],
  );
  expect(changes.map(({ version }) => version)).toEqual(rows.map(({ version }) => version));
});

test('a transaction that commits late is behind every cursor that was given while it was open', async () => {
  const [slow, quick] = [await insertRow(owner), await insertRow(owner)];
  const before = await latest();
  const late = await begin();
  await rename(late, slow.id);
  const cursors = [await latest()];
  for (let round = 0; round < 5; round += 1) {
    await rename(owner, quick.id);
    const { changes, next } = await readAll(cursors.at(-1) ?? 'latest');
    // It delays no other change.
    expect(keysOf(changes)).toEqual([quick.id]);
    cursors.push(next);
  }
  await late.query('commit');
  for (const [index, cursor] of cursors.entries()) {
    const { changes, next } = await readAll(cursor);
    expect(keysOf(changes)).toEqual([slow.id, ...Array.from({ length: 5 - index }, () => quick.id)]);
    expect((await readAll(next)).changes).toEqual([]);
  }
  expect((await readAll(before)).changes).toHaveLength(6);
});

test('a transaction with a higher number than all that have ended is returned too, although Postgres does not list it', async () => {
  const [slow, quick] = [await insertRow(owner), await insertRow(owner)];
  const early = await begin();
  await early.query('select pg_current_xact_id()');
  const late = await begin();
  await rename(late, slow.id);
  await rename(early, quick.id);
  await early.query('commit');
  const cursor = await latest();
  await late.query('commit');
  expect(keysOf((await readAll(cursor)).changes)).toEqual([slow.id]);
});

test('the versions of one product grow, although a transaction with a lower number changed it last', async () => {
  const { id } = await insertRow(owner);
  const from = await latest();
  const first = await begin();
  await insertRow(first);
  await rename(owner, id);
  await rename(first, id);
  await first.query('commit');
  const ofProduct = (await readAll(from, 1)).changes.filter(({ key }) => key === id);
  expect(ofProduct).toHaveLength(2);
  expect(ofProduct[1]?.version).toBeGreaterThan(ofProduct[0]?.version ?? 0);
});

test('a rolled back change is never returned', async () => {
  const { id } = await insertRow(owner);
  const from = await latest();
  const session = await begin();
  await rename(session, id);
  await session.query('rollback');
  const { rows } = await owner.query('select 1');
  expect(rows).toHaveLength(1);
  expect((await readAll(from)).changes).toEqual([]);
});

test('each change carries a cursor that continues behind it, at any size of a page', async () => {
  const from = await latest();
  await owner.query(`
    insert into catalog.products (sku, name, brand, category, price_minor, currency)
    select 'PAGE-' || n, 'x', 'x', 'x', 1, 'EUR' from generate_series(1, 30) n`);
  const { changes } = await readAll(from);
  expect(changes).toHaveLength(30);
  for (const limit of [1, 7, 30, 31])
    expect(keysOf((await readAll(from, limit)).changes)).toEqual(keysOf(changes));
  for (const [index, { cursor }] of changes.entries()) {
    const rest = await readAll(readCursor(cursor, { parameter: 'after' }), 4);
    expect(keysOf(rest.changes)).toEqual(keysOf(changes.slice(index + 1)));
  }
});

test('a mass change and TRUNCATE are returned row by row', async () => {
  await using other = await createTestDatabase({ migrated: true });
  const db = createPool({ url: other.url, applicationName: 'test', statementTimeout_ms: 0 });
  const service = createServicePool({ url: other.urlFor('catalog_read'), applicationName: 'read' });
  await db.query(`
    insert into catalog.products (sku, name, brand, category, price_minor, currency)
    select 'MASS-' || n, 'x', 'x', 'x', 1, 'EUR' from generate_series(1, 2000) n`);
  await db.query('update catalog.products set price_minor = 2');
  await db.query('truncate catalog.products');
  const kinds = new Map<string, number>();
  let seen = 0;
  let version = 0;
  for (let from: ChangesStart = 'oldest'; ;) {
    const page = await readChanges(service, from, 1_000);
    for (const change of page.changes) {
      kinds.set(change.kind, (kinds.get(change.kind) ?? 0) + 1);
      expect(change.version).toBeGreaterThan(version);
      version = change.version;
      seen += 1;
    }
    from = page.next;
    if (!page.hasMore) break;
  }
  expect([seen, Object.fromEntries(kinds)]).toEqual([
    6_000,
    { created: 2_000, updated: 2_000, deleted: 2_000 },
  ]);
  await Promise.all([db.end(), service.end()]);
}, 60_000);

test('a follower that begins with a snapshot gets every product once, and then the changes since', async () => {
  for (let index = 0; index < 3; index += 1) await insertRow(owner);
  const { rows } = await owner.query<{ id: string }>('select id from catalog.products order by id');
  const late = await begin();
  const created = await insertRow(late);
  const first = await readChanges(read, 'snapshot', 2);
  expect(first.changes.map(({ kind }) => kind)).toEqual(['existing', 'existing']);
  await late.query('commit');
  await rename(owner, rows[0]?.id ?? '');
  const rest = await readAll(first.next, 2);
  const all = [...first.changes, ...rest.changes];
  const existing = all.filter(({ kind }) => kind === 'existing').map(({ key }) => key);
  expect(new Set(existing)).toEqual(new Set([...rows.map(({ id }) => id), created.id]));
  expect(all.slice(existing.length).map(({ key, kind }) => [key, kind])).toEqual([
    [created.id, 'created'],
    [rows[0]?.id, 'updated'],
  ]);
});

test('whatever a forged cursor says, its page is one short search', async () => {
  const { incarnation, seen } = await latest();
  const first = seen.newest;
  await owner.query(`
    insert into catalog.product_history (product_id, version, operation, changed_by, changed_at)
    select gen_random_uuid(), nextval('catalog.versions'), 'create', 'test', clock_timestamp()
    from generate_series(1, 60000)`);
  const far = '9000000000000000000';
  const last = 253_402_300_799_999;
  // The cursor claims to have seen everything, and asks for all changes.
  const all = { snapshot: `${far}:${far}:`, time_ms: last, newest: first, openAfter: first };
  const page = await readChanges(read, { incarnation, seen: all }, 100);
  expect([page.changes, page.hasMore]).toEqual([[], true]);
  expect((page.next.next?.after ?? 0) - first).toBeLessThanOrEqual(25_000);
  // Page after page, it reaches the end.
  expect((await readAll(page.next)).changes).toEqual([]);
  for (const wrong of [
    { newest: Number.MAX_SAFE_INTEGER },
    { newest: Number.MAX_SAFE_INTEGER, openAfter: Number.MAX_SAFE_INTEGER },
    { snapshot: `1:${far}:2`, openAfter: Number.MIN_SAFE_INTEGER },
    { snapshot: `1:${far}:2`, openAfter: Number.MAX_SAFE_INTEGER },
    { snapshot: '1:1:', time_ms: last },
  ]) {
    const cursor = { incarnation, seen: { ...seen, ...wrong } };
    const answer = await readChanges(read, cursor, 10).catch((error: unknown) => error);
    if (answer instanceof Error) expect(answer).toMatchObject({ code: 'changes_gone' });
  }
});

test('a cursor behind which changes are not kept is gone, and one that has missed nothing is not', async () => {
  const { id } = await insertRow(owner);
  const old = await latest();
  await rename(owner, id);
  const current = await latest();
  for (const age of ['8 days', '6 days']) {
    await markChanges(worker, 7 * 86_400);
    await owner.query(
      'update catalog.change_marks set marked_at = clock_timestamp() - $1::interval where marked_at = (select max(marked_at) from catalog.change_marks)',
      [age],
    );
  }
  await markChanges(worker, 7 * 86_400);
  await expect(readAll(old)).rejects.toMatchObject({ code: 'changes_gone', errors: [{ code: 'too_old' }] });
  expect((await readAll(current)).changes).toEqual([]);
  expect((await readAll('oldest')).changes).toEqual([]);
});

test('a cursor from before a failover is gone, because its follower may know changes that were lost', async () => {
  const old = await latest();
  await owner.query('select catalog.begin_incarnation(0, incarnation) from catalog.database_incarnation');
  await expect(readAll(old)).rejects.toMatchObject({
    code: 'changes_gone',
    errors: [{ code: 'other_incarnation' }],
  });
});

test('a transaction that was open when Postgres began another incarnation is returned after it', async () => {
  const { id } = await insertRow(owner);
  const late = await begin();
  await rename(late, id);
  await owner.query('select catalog.begin_incarnation(0, incarnation) from catalog.database_incarnation');
  const from = await latest();
  await insertRow(owner);
  await late.query('commit');
  expect(keysOf((await readAll(from)).changes)).toContain(id);
});

test('a cursor into days of the history that were dropped is gone, also when no worker has made marks', async () => {
  await using other = await createTestDatabase({ migrated: true });
  const db = createPool({ url: other.url, applicationName: 'test' });
  const service = createServicePool({ url: other.urlFor('catalog_read'), applicationName: 'read' });
  await using _pools = {
    [Symbol.asyncDispose]: async () => void (await Promise.all([db.end(), service.end()])),
  };
  const { next } = await readChanges(service, 'latest', 1);
  await db.query(`
    insert into catalog.product_history (product_id, version, operation, changed_by, changed_at)
    values (gen_random_uuid(), nextval('catalog.versions'), 'create', 'test', clock_timestamp() - interval '20 days');
    select catalog.make_history_partitions(1)`);
  await insertRow(db);
  expect((await readChanges(service, next, 3)).changes).toHaveLength(2);
  expect(await dropExpiredHistory(db, 10 * 86_400)).toBe(true);
  await expect(readChanges(service, next, 1)).rejects.toMatchObject({ errors: [{ code: 'too_old' }] });
  expect((await readChanges(service, 'oldest', 3)).changes).toHaveLength(1);
});
