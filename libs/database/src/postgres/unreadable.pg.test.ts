/** Rows that JSON cannot show, in a database that has lost the constraints of its domains. */
import { PRODUCT, USER_PROFILE } from '@catalog/contracts';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { entityLoaders } from '../entities/loaders.ts';
import { listProducts } from '../products/lists/page.ts';
import { loadProductBySku } from '../products/load.ts';
import { insertRow } from '../testing/products.ts';
import { createPool } from './pool.ts';

let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
const logged: object[] = [];
beforeAll(async () => {
  database = await createTestDatabase({ migrated: true });
  pool = createPool({
    url: database.url,
    applicationName: 'test',
    log: { error: (details) => void logged.push(details) },
  });
  const { rows } = await pool.query<{ statement: string }>(
    `select format('alter domain %s drop constraint %I', contypid::regtype, conname) as statement
     from pg_constraint where connamespace = 'catalog'::regnamespace and contypid <> 0`,
  );
  for (const { statement } of rows) await pool.query(statement);
});
beforeEach(() => void logged.splice(0));
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

test.each([
  ['createdAt', { created_at: 'infinity' }, /infinity/],
  ['createdAt', { created_at: '12026-01-01' }, /year of four digits/],
  ['attributes', { attributes: '{"n": 1e400}' }, /greatest double/],
  ['priceMinor', { price_minor: '9007199254740992' }, /2\^53 - 1/],
])('a product whose %s JSON cannot show is missing alone, and logged: %o', async (column, values, reason) => {
  await pool.query('delete from catalog.products');
  const shown = [await insertRow(pool), await insertRow(pool)];
  const hidden = await insertRow(pool, values);
  const last = await insertRow(pool);
  const row = {
    entity: PRODUCT.name,
    key: hidden.id,
    column,
    reason: expect.stringMatching(reason) as string,
  };

  const ids = [...shown, hidden, last].map(({ id }) => id);
  const loaded = await entityLoaders(pool)[PRODUCT.name](ids);
  expect(ids.map((id) => loaded.get(id)?.body?.id)).toEqual([shown[0]?.id, shown[1]?.id, undefined, last.id]);
  expect(loaded.get(hidden.id)?.version).toBe(hidden.version);
  expect(await loadProductBySku(pool, hidden.sku)).toBeNull();
  expect(logged).toEqual([row, row]);

  // The hidden row is a whole page: the cursor goes on behind it.
  const listed: unknown[] = [];
  let cursor: string | undefined;
  do {
    const sort = [{ by: 'createdAt', descending: true }] as const;
    const { data, page } = await listProducts(pool, { status: ['draft'], sort, limit: 1, cursor });
    listed.push(...data.map(({ id }) => id));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(listed).toEqual([last.id, shown[1]?.id, shown[0]?.id]);
  // A page also reads the first row of the next one.
  expect(logged.length).toBeGreaterThan(2);
  for (const each of logged) expect(each).toEqual(row);
});

test('a user whose time JSON cannot show is missing alone, and logged', async () => {
  const { rows } = await pool.query<{ id: string }>(
    `insert into catalog.console_users (username, password_hash, role, password_changed_at)
     values ('a', '$argon2id$', 'viewer', now()), ('b', '$argon2id$', 'viewer', 'infinity') returning id`,
  );
  const ids = rows.map(({ id }) => id);
  const loaded = await entityLoaders(pool)[USER_PROFILE.name](ids);
  expect(ids.map((id) => loaded.get(id)?.body?.username)).toEqual(['a', undefined]);
  expect(logged).toMatchObject([{ entity: 'user_profile', key: ids[1], column: 'passwordChangedAt' }]);
});
