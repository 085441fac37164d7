/** The role of each service may do its own work and nothing else. */
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insertRow } from '../testing/products.ts';
import { createPool } from './pool.ts';

type Role = 'catalog_read' | 'catalog_write' | 'invalidation_worker' | 'orders' | 'console';
const denied = '42501';

let database: TestDatabase;
let owner: ReturnType<typeof createPool>;
const pools = new Map<Role, ReturnType<typeof createPool>>();
const as = (role: Role): ReturnType<typeof createPool> => {
  const existing = pools.get(role);
  if (existing) return existing;
  const pool = createPool({ url: database.urlFor(role), applicationName: 'test', max: 2 });
  pools.set(role, pool);
  return pool;
};
beforeAll(async () => {
  database = await createTestDatabase({ migrated: true });
  owner = createPool({ url: database.url, applicationName: 'test' });
  await insertRow(owner);
});
afterAll(async () => {
  await Promise.all([...pools.values(), owner].map((pool) => pool.end()));
  await database[Symbol.asyncDispose]();
});

const insert =
  "insert into catalog.products (sku, name, brand, category, price_minor, currency) values ('X', 'x', 'x', 'x', 1, 'EUR')";
const update = 'update catalog.products set price_minor = price_minor + 1';
/** What reaches beyond the tables of the catalog: one role could stop others with it, or fill the disk. */
const beyondTables = [
  "insert into catalog.outbox (entity, key, version) values ('settings', 'x', 1)",
  "insert into catalog.tombstones (entity, key, version) values ('product', 'x', 1)",
  `insert into catalog.product_history (product_id, version, operation, changed_by, changed_at)
     values (uuidv7(), 1, 'create', 'somebody else', now())`,
  'select pg_advisory_lock(7236001)',
  'select pg_try_advisory_lock_shared(7236001)',
  'select pg_try_advisory_xact_lock(1, 2)',
  'select pg_advisory_unlock_all()',
  'select lo_create(0)',
  "select lo_from_bytea(0, 'x')",
  'select catalog.ring_doorbell()',
  "select pg_logical_emit_message(true, 'catalog', '1 settings x')",
  "select pg_logical_emit_message(false, 'catalog milestone', '1'::bytea)",
  "select catalog.emit_change('settings', 'x', 1)",
  "select catalog.record_change('settings', 'x', 1)",
];
const ddl = [
  'create table catalog.mine (a int)',
  'create table public.mine (a int)',
  'alter table catalog.products disable trigger all',
  'drop table catalog.products',
  'set session_replication_role = replica',
  'set role postgres',
  'create role another',
  "copy catalog.products to program 'true'",
];

const forbidden: Readonly<Record<Role, readonly string[]>> = {
  catalog_read: [
    "select catalog.write_changes_to('slot')",
    'create temporary table mine (a int)',
    "select catalog.lock_idempotency_key('a', 'b', 'c')",
    'select catalog.acquire_awake_lock()',
    'select catalog.lock_creating_imports()',
    'select from catalog.orders',
    'select from catalog.console_users',
    insert,
    update,
    'delete from catalog.products',
    'truncate catalog.products',
    'select from catalog.outbox',
    'update catalog.outbox set applied_at = now()',
    'delete from catalog.tombstones',
    "update catalog.settings set store_name = 'mine'",
    "select nextval('catalog.versions')",
    'select from catalog.idempotency_keys',
    'select from catalog.imports',
    'select from catalog.cache_incarnation',
    'select from catalog.database_incarnation',
    'select catalog.begin_incarnation(1, null)',
    'select catalog.start_incarnation(1)',
    'select catalog.note_restart()',
    'select catalog.version_of_clock()',
    'insert into catalog.migrations (id, name, checksum) values (99, $$x$$, $$x$$)',
  ],
  catalog_write: [
    "select catalog.write_changes_to('slot')",
    'select catalog.write_milestone()',
    'select from catalog.change_slot',
    `create temporary table mine (id text); create trigger forge before delete on mine
       for each row execute function catalog.track_delete('settings')`,
    `create temporary table mine (id text, version bigint, updated_at timestamptz); create trigger forge before update on mine
       for each row execute function catalog.track_update_of_settings()`,
    'delete from catalog.idempotency_keys',
    'select catalog.acquire_awake_lock()',
    'select from catalog.orders',
    'select from catalog.console_users',
    'truncate catalog.products',
    'select from catalog.outbox',
    'update catalog.outbox set applied_at = now()',
    'delete from catalog.outbox',
    "select setval('catalog.versions', 1)",
    'delete from catalog.settings',
    'select from catalog.cache_incarnation',
    'delete from catalog.migrations',
  ],
  invalidation_worker: [
    'create temporary table mine (a int)',
    "select catalog.lock_idempotency_key('a', 'b', 'c')",
    insert,
    update,
    'delete from catalog.products',
    'truncate catalog.products',
    "update catalog.settings set store_name = 'mine'",
    'delete from catalog.tombstones',
    "select setval('catalog.versions', 1)",
    'update catalog.database_incarnation set facts = null',
    'select catalog.start_incarnation(1)',
    'select catalog.note_restart()',
    'select from catalog.idempotency_keys',
    'select from catalog.imports',
    'select password_hash from catalog.console_users',
    'select customer_id from catalog.orders',
    "update catalog.orders set status = 'cancelled'",
    'select from catalog.order_items',
    'update catalog.stock set on_hand = 0',
  ],
  orders: [
    "select catalog.write_changes_to('slot')",
    'create temporary table mine (a int)',
    'select catalog.lock_creating_imports()',
    'select from catalog.products',
    insert,
    update,
    'delete from catalog.products',
    'select from catalog.settings',
    "update catalog.settings set store_name = 'mine'",
    'select from catalog.outbox',
    'update catalog.outbox set applied_at = now()',
    'delete from catalog.outbox',
    'select from catalog.tombstones',
    // Orders and their items are never changed or deleted.
    'update catalog.orders set total_minor = 0',
    "update catalog.orders set customer_id = 'another'",
    'delete from catalog.orders',
    'truncate catalog.orders cascade',
    'update catalog.order_items set price_minor = 0',
    'delete from catalog.order_items',
    'update catalog.stock_adjustments set delta = 0',
    'delete from catalog.stock_adjustments',
    'delete from catalog.stock',
    'delete from catalog.idempotency_keys',
    'select from catalog.imports',
    'select from catalog.product_history',
    'select from catalog.console_users',
    'select from catalog.cache_incarnation',
    'delete from catalog.migrations',
  ],
  console: [
    "select catalog.write_changes_to('slot')",
    'create temporary table mine (a int)',
    'select from catalog.products',
    insert,
    update,
    'delete from catalog.products',
    'select from catalog.settings',
    'select from catalog.outbox',
    'update catalog.outbox set applied_at = now()',
    'delete from catalog.outbox',
    'select from catalog.tombstones',
    'select from catalog.orders',
    'select from catalog.order_items',
    'select from catalog.stock',
    'select from catalog.product_history',
    'select from catalog.idempotency_keys',
    'select from catalog.imports',
    'select from catalog.cache_incarnation',
    'truncate catalog.console_users',
    "update catalog.console_actions set username = 'somebody else'",
    'delete from catalog.console_actions',
    'select from catalog.migrations',
  ],
};

describe.each(Object.entries(forbidden) as [Role, readonly string[]][])('%s', (role, statements) => {
  test.each([...statements, ...beyondTables, ...ddl])('may not %s', async (statement) => {
    await expect(as(role).query(statement)).rejects.toMatchObject({ code: denied });
  });
});

const rights: Readonly<Record<string, string>> = {
  'catalog_read usage': 'catalog',
  'catalog_read execute': 'confirm_primary',
  'catalog_read select':
    'change_marks known_words product_counts product_history product_search product_views products purged_tombstones settings tombstones versions',
  'catalog_write usage': 'catalog versions',
  'catalog_write execute': 'confirm_primary lock_creating_imports lock_idempotency_key',
  'catalog_write select':
    'fences idempotency_keys imports product_history products settings tombstones versions',
  'catalog_write insert': 'fences idempotency_keys imports products',
  'catalog_write update': 'fences imports products settings',
  'catalog_write delete': 'imports products',
  'invalidation_worker usage': 'catalog',
  'invalidation_worker execute':
    'acquire_awake_lock begin_incarnation change_source confirm_primary delete_expired drop_expired_history forget_words join_product_counts land_changes make_history_partitions mark_changes release_awake_lock write_changes_to write_milestone',
  'invalidation_worker select':
    'cache_incarnation change_slot console_users.id console_users.password_changed_at console_users.role console_users.username database_incarnation former_incarnations orders.completed_at orders.currency orders.status orders.total_minor outbox outbox_epoch product_views products purged_tombstones refreshed_changes set_aside_keys settings tombstones version_gaps versions view_progress',
  'invalidation_worker insert':
    'cache_incarnation former_incarnations outbox_epoch product_views refreshed_changes set_aside_keys',
  'invalidation_worker update':
    'cache_incarnation change_slot former_incarnations outbox product_views set_aside_keys view_progress',
  'invalidation_worker delete': 'former_incarnations outbox product_views refreshed_changes set_aside_keys',
  'orders usage': 'catalog',
  'orders execute': 'confirm_primary lock_idempotency_key',
  'orders select':
    'copied_products copy_position idempotency_keys order_items orders stock stock_adjustments',
  'orders insert': 'copied_products idempotency_keys order_items orders stock stock_adjustments',
  'orders delete': 'copied_products',
  'orders update':
    'copied_products copy_position orders.cancelled_at orders.completed_at orders.status stock',
  'console usage': 'catalog',
  'console execute': 'confirm_primary',
  'console select': 'console_actions console_users',
  'console insert': 'console_actions console_users',
  'console update': 'console_users',
  'console delete': 'console_users',
};

test('no role has other rights than these, or is a member of another role', async () => {
  const { rows } = await owner.query<{ right: string; objects: string }>(`
    select coalesce(role.rolname, 'public') || ' ' || lower(privilege_type) as right,
      string_agg(object, ' ' order by object collate "C") as objects
    from (
      select relname::text as object, (aclexplode(relacl)).* from pg_class
        where relnamespace = 'catalog'::regnamespace
      union all
      select relname || '.' || attname, (aclexplode(attacl)).* from pg_attribute
        join pg_class on pg_class.oid = attrelid where relnamespace = 'catalog'::regnamespace
      union all
      -- Without an ACL the default one holds, which lets everybody execute a function.
      select proname, (aclexplode(case when prosecdef then coalesce(proacl, acldefault('f', proowner)) else proacl end)).*
        from pg_proc where pronamespace = 'catalog'::regnamespace
      union all
      select nspname, (aclexplode(nspacl)).* from pg_namespace where nspname = 'catalog'
      union all
      select memberships.roleid::regrole::text, 0, memberships.member, 'member', false
        from pg_auth_members memberships where memberships.member::regrole::text not like 'pg\\_%'
    ) granted
    left join pg_roles role on role.oid = grantee
    where grantee <> grantor
    group by 1`);
  expect(Object.fromEntries(rows.map(({ right, objects }) => [right, objects]))).toEqual(rights);
});

test('each role may do its own work', async () => {
  const read = as('catalog_read');
  for (const table of ['products', 'settings', 'tombstones']) {
    expect(await read.query(`select * from catalog.${table}`)).toHaveProperty('rowCount');
  }
  const write = as('catalog_write');
  const row = await insertRow(write);
  expect((await write.query(update)).rowCount).toBe(2);
  expect((await write.query("update catalog.settings set store_name = 'Ours'")).rowCount).toBe(1);
  expect((await write.query('delete from catalog.products where id = $1', [row.id])).rowCount).toBe(1);
  const orders = as('orders');
  await orders.query('insert into catalog.stock (product_id, on_hand) values (uuidv7(), 1)');
  expect((await orders.query('update catalog.stock set on_hand = on_hand - 1')).rowCount).toBe(1);
  for (const table of ['orders', 'order_items', 'stock_adjustments', 'idempotency_keys']) {
    expect((await orders.query(`select from catalog.${table}`)).rowCount).toBe(0);
  }
  expect((await as('console').query('select from catalog.console_users')).rowCount).toBe(0);
  const worker = as('invalidation_worker');
  expect((await worker.query('update catalog.outbox set applied_at = now()')).rowCount).toBeGreaterThan(0);
  expect((await worker.query('delete from catalog.outbox')).rowCount).toBeGreaterThan(0);
});

test('the worker lands no change in the outbox while the change slot is not in use', async () => {
  const land = `select accepted, seq from catalog.land_changes(
    array['settings'], array['x'], array[1], array[1], array[0], null, null,
    (select incarnation from catalog.database_incarnation), false)`;
  expect((await as('invalidation_worker').query(land)).rows).toEqual([{ accepted: false, seq: null }]);
});

test('a service sees and answers only its own idempotency keys, and holds only its own', async () => {
  const [write, orders] = [as('catalog_write'), as('orders')];
  const answer = `insert into catalog.idempotency_keys (operation, subject, key, request_hash, answer)
    values ('place_order', 'shop', 'k', '\\x00', '{}')`;
  await orders.query(answer);
  const read = 'select from catalog.idempotency_keys';
  expect((await write.query(read)).rowCount).toBe(0);
  expect((await orders.query(read)).rowCount).toBe(1);
  const forged = answer.replace('(operation', '(service, operation').replace("('place", "('orders', 'place");
  await expect(write.query(forged)).rejects.toMatchObject({ code: denied });
  const holder = await write.connect();
  try {
    const held = "select catalog.lock_idempotency_key('place_order', 'shop', 'k') as held";
    expect((await holder.query('begin; ' + held)) as unknown).toBeDefined();
    expect((await write.query<{ held: boolean }>(held)).rows[0]?.held).toBe(false);
    expect((await orders.query<{ held: boolean }>(held)).rows[0]?.held).toBe(true);
  } finally {
    holder.release(true);
  }
});

/** All services share the table of locks. */
test.each(['catalog_write', 'orders'] as const)('a transaction of %s holds one key', async (role) => {
  const held =
    "select catalog.lock_idempotency_key('place_order', 'shop', n::text) from generate_series(1, 2) n";
  await expect(as(role).query(held)).rejects.toMatchObject({ code: '25000' });
});

test('a forged NOTIFY changes nothing', async () => {
  const before = await owner.query('select * from catalog.outbox');
  await as('catalog_read').query("select pg_notify('catalog_outbox', 'product:forged')");
  expect((await owner.query('select * from catalog.outbox')).rows).toEqual(before.rows);
});

test('functions with the rights of their owner pin their search_path', async () => {
  const { rows } = await owner.query(
    `select oid::regprocedure::text as function from pg_proc
     where pronamespace = 'catalog'::regnamespace and prosecdef
       and not exists (select from unnest(coalesce(proconfig, '{}')) setting where setting = 'search_path=pg_catalog, pg_temp')`,
  );
  expect(rows).toEqual([]);
});

/** A path without pg_temp searches it first for types, so the path must name it, behind all others. */
test('a type in the temporary schema of a role does not run its code with the rights of the owner', async () => {
  const client = await as('catalog_write').connect();
  const ran: string[] = [];
  client.on('notice', ({ message }) => ran.push(message ?? ''));
  try {
    await client.query(`begin;
      create function pg_temp.spy(value pg_catalog.text) returns boolean language plpgsql as $$
        begin raise notice 'ran as %', current_user; return true; end $$;
      create domain pg_temp.text as pg_catalog.text check (pg_temp.spy(value));
      create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.spy(value::pg_catalog.text));
      create domain pg_temp.int8 as pg_catalog.int8 check (pg_temp.spy(value::pg_catalog.text))`);
    const { id } = await insertRow(client);
    await client.query(`update catalog.products set name = 'another', sku = 'ANOTHER-SKU' where id = $1`, [
      id,
    ]);
    await client.query('delete from catalog.products where id = $1', [id]);
  } finally {
    await client.query('rollback');
    client.release(true);
  }
  expect(ran.filter((line) => !line.endsWith('catalog_write'))).toEqual([]);
});

test('a trigger function of the owner cannot be attached to a table of a role', async () => {
  const { rows } = await owner.query<{ name: string }>(
    `select proname as name from pg_proc
     where pronamespace = 'catalog'::regnamespace and prosecdef and prorettype = 'trigger'::regtype`,
  );
  expect(rows.length).toBeGreaterThan(10);
  for (const { name } of rows) {
    const client = await as('catalog_write').connect();
    try {
      await client.query('begin; create temporary table mine (id uuid)');
      const attach = `create trigger t before truncate on mine for each statement execute function catalog.${name}()`;
      await expect(client.query(attach), name).rejects.toMatchObject({ code: '42501' });
    } finally {
      await client.query('rollback');
      client.release();
    }
  }
});

test('the search_path of a caller has no effect on checks and triggers', async () => {
  const pool = createPool({ url: database.url, applicationName: 'test', max: 1 });
  try {
    await pool.query(`create schema evil;
      create function evil.length(text) returns int language sql as 'select 1';
      create function evil.nextval(text) returns bigint language sql as 'select 1::bigint';
      create function evil.clock_timestamp() returns timestamptz language sql as $$select '2000-01-01'::timestamptz$$;
      set search_path = evil, catalog, pg_catalog`);
    await expect(insertRow(pool, { sku: 'x'.repeat(65) })).rejects.toMatchObject({
      constraint: 'products_sku_format',
    });
    await expect(insertRow(pool, { gtin: '4006381333932' })).rejects.toMatchObject({
      constraint: 'products_gtin_check_digit',
    });
  } finally {
    await pool.end();
  }
});
