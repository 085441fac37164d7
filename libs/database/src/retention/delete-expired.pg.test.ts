import { randomUUID } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '../postgres/pool.ts';
import { loadProducts } from '../products/load.ts';
import { insertRow } from '../testing/products.ts';
import { deleteExpired, type Deleted, type RetentionAges } from './delete-expired.ts';

const day_s = 86_400;
const none: Deleted = { tombstones: 0, idempotencyKeys: 0, imports: 0, actions: 0 };
/** All different, so that no kind can leave by the age of another kind. */
const ages: RetentionAges = {
  tombstones_s: 3 * day_s,
  idempotencyKeys_s: 4 * day_s,
  imports_s: 5 * day_s,
  actions_s: 6 * day_s,
};

let database: TestDatabase;
let owner: Pool;
let worker: Pool;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: true });
  owner = createPool({ url: database.url, applicationName: 'test' });
  worker = createPool({ url: database.urlFor('invalidation_worker'), applicationName: 'worker' });
});
afterAll(async () => {
  await Promise.all([owner.end(), worker.end()]);
  await database[Symbol.asyncDispose]();
});

test('rows of each kind are deleted at their own age and not before; a running import stays', async () => {
  await owner.query(`
    insert into catalog.tombstones (entity, key, version, deleted_at)
      values ('product', 'x', 1, clock_timestamp() - interval '3 days' + interval '1 minute');
    insert into catalog.idempotency_keys (operation, subject, key, request_hash, answer, created_at)
      values ('create_product', 'test', 'k', '\\x00', '{}', clock_timestamp() - interval '4 days' + interval '1 minute');
    insert into catalog.imports (id, subject, mode, dry_run, state, created_at)
      values (gen_random_uuid(), 'test', 'reject-all', false, 'succeeded', clock_timestamp() - interval '5 days' + interval '1 minute'),
             (gen_random_uuid(), 'test', 'reject-all', false, 'running', clock_timestamp() - interval '50 days');
    insert into catalog.console_actions (username, action, status, acted_at)
      values ('ann', 'product.update', 200, clock_timestamp() - interval '6 days' + interval '1 minute')`);
  expect(await deleteExpired(worker, ages, 100)).toEqual(none);
  const older = async (table: string, column: string) => {
    await owner.query(`update catalog.${table} set ${column} = ${column} - interval '2 minutes'`);
    return deleteExpired(worker, ages, 100);
  };
  expect(await older('tombstones', 'deleted_at')).toEqual({ ...none, tombstones: 1 });
  expect(await older('idempotency_keys', 'created_at')).toEqual({ ...none, idempotencyKeys: 1 });
  expect(await older('imports', 'created_at')).toEqual({ ...none, imports: 1 });
  expect(await older('console_actions', 'acted_at')).toEqual({ ...none, actions: 1 });
});

test('a key keeps its version after retention has deleted its tombstone', async () => {
  const { id } = await insertRow(owner);
  const versionOf = async (key: string) => (await loadProducts(owner, [key])).get(key)?.version ?? -1;
  await owner.query('delete from catalog.products where id = $1', [id]);
  const deleted = await versionOf(id);
  await owner.query(`update catalog.tombstones set deleted_at = deleted_at - interval '4 days'`);
  expect(await deleteExpired(worker, ages, 100)).toEqual({ ...none, tombstones: 1 });
  expect(await versionOf(id)).toBe(deleted);
  expect(await versionOf(randomUUID())).toBe(deleted);
  // The row that is inserted again is newer than all of them.
  expect((await insertRow(owner, { id })).version).toBeGreaterThan(deleted);
});

test.each([
  ['tombstones_s', -day_s],
  ['tombstones_s', day_s - 1],
  ['idempotencyKeys_s', 3_600],
  ['imports_s', 0],
  ['actions_s', 3_600],
] as const)('%s of %d s is refused, and nothing is deleted', async (kind, age_s) => {
  await owner.query(`
    insert into catalog.idempotency_keys (operation, subject, key, request_hash, answer, created_at)
      values ('create_product', 'test', gen_random_uuid()::text, '\\x00', '{}', clock_timestamp() - interval '23 hours')`);
  const count = async () => (await owner.query('select from catalog.idempotency_keys')).rowCount;
  const before = await count();
  await expect(deleteExpired(worker, { ...ages, [kind]: age_s }, 100)).rejects.toThrow(
    /must be kept for 1 day at least/,
  );
  expect(await count()).toBe(before);
});

test.each([
  ['history', 'select catalog.drop_expired_history($1)'],
  ['changes', 'select catalog.mark_changes($1)'],
])('a negative or short age of the %s is refused', async (kind, statement) => {
  for (const age of ['-1 day', '23 hours'])
    await expect(worker.query(statement, [age])).rejects.toThrow(`${kind} must be kept for 1 day at least`);
});
