import { eventually, startService } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startStores, type Stores } from '../testing/running-worker.ts';

let stores: Stores;
beforeAll(async () => {
  stores = await startStores();
});
afterAll(() => stores[Symbol.asyncDispose]());

const kinds = ['product_history', 'tombstones', 'idempotency_keys', 'imports', 'console_actions'];

/** One row of each kind, 30 hours old: more than a day, and less than any default. The history is dropped by whole days. */
async function insertRows(): Promise<void> {
  await stores.owner.query(`
    truncate ${kinds.map((kind) => `catalog.${kind}`).join()};
    insert into catalog.product_history (product_id, version, operation, changed_by, changed_at)
      values (gen_random_uuid(), 1, 'create', 'test', clock_timestamp() - interval '98 hours');
    insert into catalog.tombstones (entity, key, version, deleted_at)
      values ('product', 'x', 1, clock_timestamp() - interval '30 hours');
    insert into catalog.idempotency_keys (operation, subject, key, request_hash, answer, created_at)
      values ('create_product', 'test', 'k', '\\x00', '{}', clock_timestamp() - interval '30 hours');
    insert into catalog.imports (id, subject, mode, dry_run, state, created_at)
      values (gen_random_uuid(), 'test', 'reject-all', false, 'succeeded', clock_timestamp() - interval '30 hours');
    insert into catalog.console_actions (username, action, status, acted_at)
      values ('ann', 'product.update', 200, clock_timestamp() - interval '30 hours')`);
}

async function left(): Promise<string[]> {
  const { rows } = await stores.owner.query<{ kind: string }>(`
    select 'product_history' as kind from catalog.product_history
    union all select 'tombstones' from catalog.tombstones
    union all select 'idempotency_keys' from catalog.idempotency_keys
    union all select 'imports' from catalog.imports
    union all select 'console_actions' from catalog.console_actions`);
  return rows.map(({ kind }) => kind);
}

test.each([
  // The changes come from the history, so it stays a day longer than they.
  ['KEEP_HISTORY_DAYS', '1', 'product_history', { KEEP_CHANGES_DAYS: '1' }],
  ['KEEP_TOMBSTONES_DAYS', '1', 'tombstones'],
  // If these were days, the row would stay.
  ['KEEP_IDEMPOTENCY_KEYS_HOURS', '25', 'idempotency_keys'],
  ['KEEP_IMPORTS_DAYS', '1', 'imports'],
  ['KEEP_ACTIONS_DAYS', '1', 'console_actions'],
])(
  '%s=%s deletes older rows of %s, and of no other table',
  async (variable, value, kind, others: Record<string, string> = {}) => {
    await insertRows();
    await using _worker = await startService('invalidation-worker', {
      DATABASE_URL: stores.database.urlFor('invalidation_worker'),
      CACHE_REDIS_URL: stores.cacheRedis.url,
      STATE_REDIS_URL: stores.stateRedis.url,
      SERVICE_JWKS_FILE: stores.tokens.jwksFile,
      [variable]: value,
      ...others,
    });
    // All kinds leave in one statement.
    await eventually(async () => (await left()).length < kinds.length);
    expect(await left()).toEqual(kinds.filter((other) => other !== kind));
  },
);
