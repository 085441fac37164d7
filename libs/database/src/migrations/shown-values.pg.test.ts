/** Constraints refuse what the API could not show: whatever Postgres takes, the schemas of the contract take too. */
import {
  orderItemSchema,
  orderSummarySchema,
  productSchema,
  settingsSchema,
  userProfileSchema,
} from '@catalog/contracts';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '../postgres/pool.ts';
import { insertRow } from '../testing/products.ts';
import { loadProducts } from '../products/load.ts';

const checkViolation = '23514';
let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: true });
  pool = createPool({ url: database.url, applicationName: 'test' });
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

const long = (length: number, character = 'x') => character.repeat(length);
const refused = {
  id: ['00000000-0000-0000-0000-000000000001', 'ffffffff-ffff-0fff-bfff-ffffffffffff'],
  created_at: ['infinity', '-infinity', '10000-01-01T00:00:00Z', '0001-12-31 BC'],
  name: ['a\u0001', 'a\u007f', '\ufeff', '\u00a0\u3000', long(301)],
  description: ['\u000b', long(10_001)],
  brand: ['a\u0008', '\ufeff ', long(201)],
  category: ['a\u001f', '\u2028', long(201)],
  attributes: [
    '{"n": 1e400}',
    '{"n": -1e400}',
    `{"n": ${Number.MAX_VALUE}0}`,
    { a: long(1_001) },

    { a: 'b\u0001' },
    { a: '\\\b' },
    { a: '\f' },
    { a: '\u007f' },
  ],
};
const shown = {
  id: ['0190c0de-0000-7000-8000-000000000000', '0190c0de-0000-4000-b000-000000000000'],
  created_at: ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999999Z'],
  name: ['a\tb\n', '\u0085', long(300, '😀'), `\ufeff${long(299)}`],
  description: ['\r\n', long(10_000, '😀')],
  brand: [long(200, '😀')],
  category: [long(200, '😀')],
  attributes: [
    { n: Number.MAX_VALUE, m: -Number.MAX_VALUE, tiny: 5e-324, text: long(400, '9') },
    { a: long(1_000), b: long(1_000, '😀'), c: '\t\n\r"\\u0001 \\b' },
  ],
};
const cases = (values: Readonly<Record<string, readonly unknown[]>>) =>
  Object.entries(values).flatMap(([column, list]) =>
    list.map((value): [column: string, shortened: string, value: unknown] => [
      column,
      JSON.stringify(value).slice(0, 30),
      value,
    ]),
  );

test.each(cases(refused))('a product with %s %s is refused', async (column, _shortened, value) => {
  await expect(insertRow(pool, { [column]: value })).rejects.toMatchObject({ code: checkViolation });
});

test.each(cases(shown))('a product with %s %s is taken and shown', async (column, _shortened, value) => {
  const { id } = await insertRow(pool, { [column]: value });
  const body = (await loadProducts(pool, [id])).get(id)?.body;
  expect(productSchema.safeParse(body)).toMatchObject({ success: true });
});

const refusedElsewhere: readonly [name: string, sql: string][] = [
  ['settings: no e-mail address', `update catalog.settings set support_email = 'nobody'`],
  [
    'settings: an e-mail address with a control character',
    `update catalog.settings set support_email = E'a\\x01@b.cd'`,
  ],
  ...['created_at', 'completed_at', 'cancelled_at'].map((column): [string, string] => [
    `orders: ${column}`,
    `insert into catalog.orders (customer_id, currency, total_minor, placed_by, status, ${column})
     values ('c', 'EUR', 0, 't', '${column === 'created_at' ? 'placed' : column.replace('_at', '')}', 'infinity')`,
  ]),
  ['stock', `insert into catalog.stock (product_id, on_hand, updated_at) values (uuidv7(), 1, 'infinity')`],
  [
    'stock adjustments',
    `insert into catalog.stock_adjustments (product_id, sku, delta, reason, adjusted_by, adjusted_at) values (uuidv7(), 'S', 1, 'r', 't', '-infinity')`,
  ],
  ...['created_at', 'password_changed_at'].map((column): [string, string] => [
    `users: ${column}`,
    `insert into catalog.console_users (username, password_hash, role, ${column}) values ('u', '$argon2id$', 'viewer', '12026-01-01')`,
  ]),
  [
    'users: id',
    `insert into catalog.console_users (id, username, password_hash, role) values ('00000000-0000-0000-0000-000000000001', 'u', '$argon2id$', 'viewer')`,
  ],
  ...['created_at', 'heartbeat_at', 'finished_at'].map((column): [string, string] => [
    `imports: ${column}`,
    `insert into catalog.imports (id, subject, mode, dry_run, ${column}) values (uuidv7(), 's', 'reject-all', false, 'infinity')`,
  ]),
  ...['received', 'created', 'updated', 'unchanged', 'failed'].map((column): [string, string] => [
    `imports: ${column}`,
    `insert into catalog.imports (id, subject, mode, dry_run, ${column}) values (uuidv7(), 's', 'reject-all', false, 9007199254740992)`,
  ]),
  [
    'imports: errors',
    `insert into catalog.imports (id, subject, mode, dry_run, errors) values (uuidv7(), 's', 'reject-all', false, '[{"line": 1e400}]')`,
  ],
  [
    'console actions: acted_at',
    `insert into catalog.console_actions (username, action, status, acted_at) values ('u', 'cache.purge', 200, 'infinity')`,
  ],
  [
    'console actions: detail',
    `insert into catalog.console_actions (username, action, status, detail) values ('u', 'cache.purge', 200, '{"a": 1e400}')`,
  ],
  ['views', `insert into catalog.product_views (product_id, views) values (uuidv7(), 9007199254740992)`],
  ...[
    ['version', '9007199254740992'],
    ['changed_at', "'infinity'"],
  ].map(([column, value]): [string, string] => [
    `history: ${column}`,
    `insert into catalog.product_history (product_id, version, operation, changed_by, changed_at)
     select uuidv7(), ${column === 'version' ? value : 1}, 'create', 'test', ${column === 'changed_at' ? value : 'now()'}`,
  ]),
  [
    'tombstones',
    `insert into catalog.tombstones (entity, key, version) values ('product', 'x', 9007199254740992)`,
  ],
  ['purged tombstones', `insert into catalog.purged_tombstones (entity, version) values ('product', -1)`],
];
test.each(refusedElsewhere)('%s: a value that the API cannot show is refused', async (_name, sql) => {
  await expect(pool.query(sql)).rejects.toMatchObject({ code: checkViolation });
});

const item = {
  product_version: 1,
  sku: 'S',
  name: 'n',
  price_minor: 1,
  quantity: 1,
  weight_grams: 1,
  line: 1,
};
async function insertOrder(values: Readonly<Record<string, unknown>>): Promise<object> {
  const columns = { ...item, ...values };
  const { rows } = await pool.query<object>(
    `with placed as (
       insert into catalog.orders (customer_id, currency, total_minor, placed_by) values ('c', 'EUR', 0, 't') returning id)
     insert into catalog.order_items (order_id, product_id, ${Object.keys(columns).join(', ')})
     select id, uuidv7(), ${Object.keys(columns)
       .map((_, index) => `$${index + 1}`)
       .join(', ')} from placed
     returning sku, product_id as "productId", product_version as "productVersion", name,
       price_minor as "priceMinor", weight_grams as "weightGrams", quantity`,
    Object.values(columns),
  );
  return rows[0] ?? {};
}

test.each([
  { product_version: '9007199254740992' },
  { price_minor: '9007199254740992' },
  { weight_grams: -1 },
  { line: 0 },
  { line: 101 },
  // A hundred such lines would have no exact total weight.
  { weight_grams: 2_147_483_647, quantity: 41_944 },
])('an order line with %o is refused', async (values) => {
  await expect(insertOrder(values)).rejects.toMatchObject({ code: checkViolation });
});

test('an order line at the limits is taken, and a hundred of them have an exact total weight', async () => {
  const heaviest = { weight_grams: 2_147_483_647, quantity: 41_943, line: 100 };
  expect(orderItemSchema.parse(await insertOrder(heaviest))).toBeDefined();
  expect(Number.isSafeInteger(2_147_483_647 * 41_943 * 100)).toBe(true);
});

test('what the tables hold by default is shown', async () => {
  const show = async (sql: string) => (await pool.query<object>(sql)).rows[0];
  expect(
    settingsSchema.parse(
      await show(
        `select store_name as "storeName", support_email as "supportEmail", default_currency as "defaultCurrency",
           low_stock_threshold as "lowStockThreshold", orders_enabled as "ordersEnabled", version, updated_at as "updatedAt"
         from catalog.settings`,
      ),
    ),
  ).toBeDefined();
  expect(
    orderSummarySchema.parse(
      await show(
        `insert into catalog.orders (customer_id, currency, total_minor, placed_by) values ('c', 'EUR', 0, 't')
         returning id, customer_id as "customerId", status, currency, total_minor as "totalMinor",
           created_at as "createdAt", completed_at as "completedAt", cancelled_at as "cancelledAt"`,
      ),
    ),
  ).toBeDefined();
  expect(
    userProfileSchema.parse(
      await show(
        `insert into catalog.console_users (username, password_hash, role) values ('me', '$argon2id$', 'viewer')
         returning id, username, role, password_changed_at as "passwordChangedAt"`,
      ),
    ),
  ).toBeDefined();
});
