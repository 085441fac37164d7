/** Migrations run beside the services of the previous release, so they may block nobody for long. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { longLocks, outsideMark, type MigrationFile } from './locks.ts';
import { repositoryRoot } from './sources.ts';

const folder = join(repositoryRoot, 'libs/database/migrations');
const ours: readonly MigrationFile[] = readdirSync(folder)
  .filter((name) => name.endsWith('.sql'))
  .sort()
  .map((name) => ({ name, sql: readFileSync(join(folder, name), 'utf8') }));
const { released } = JSON.parse(readFileSync(join(folder, 'released.json'), 'utf8')) as { released: number };

test('no migration blocks the services of the previous release', async () => {
  expect(ours.length).toBeGreaterThan(20);
  expect(released).toBeLessThanOrEqual(ours.length);
  expect(await longLocks(ours, released)).toEqual([]);
});

test('the runner knows the mark of a migration outside a transaction', () => {
  const runner = readFileSync(join(repositoryRoot, 'libs/database/src/migrations/files.ts'), 'utf8');
  expect(runner).toContain(`'${outsideMark}\\n'`);
});

const next = (sql: string): MigrationFile => ({ name: 'next.sql', sql });
/** What the check says about a further migration after a release of all present ones. */
const saysOf = (sql: string) => longLocks([...ours, next(sql)], ours.length);
const outside = (sql: string) => `${outsideMark}\n-- A comment.\n${sql}`;
const batches = `do $$ begin
  loop
    update catalog.products set brand = 'x' where ctid = any (array (
      select ctid from catalog.products where brand = '' limit 1000));
    exit when not found;
    commit;
  end loop;
end $$`;

test.each<[string, RegExp]>([
  [
    'create index i on catalog.products (brand)',
    /^next\.sql, line 1: CREATE INDEX .* CONCURRENTLY IF NOT EXISTS/,
  ],
  [
    'create index i on catalog.product_history (changed_by)',
    /ON ONLY catalog\.product_history.*ATTACH PARTITION/,
  ],
  ['create index i on catalog.product_history_2026 (changed_by)', /CREATE INDEX stops every change/],
  [
    'create index concurrently if not exists i on catalog.products (brand)',
    /Let the file begin with "-- outside/,
  ],
  ['vacuum catalog.products', /Let the file begin with "-- outside/],
  ['alter table catalog.products alter column weight_grams type bigint', /a new type rewrites the table/],
  ['alter table catalog.products alter column brand set not null', /NOT NULL column NOT VALID/],
  ['alter table catalog.products add constraint c check (price_minor > 0)', /Add it NOT VALID/],
  ['alter table catalog.products add constraint c not null gtin', /Add it NOT VALID/],
  ['alter table catalog.stock add foreign key (product_id) references catalog.products', /Add it NOT VALID/],
  ['alter table catalog.products add constraint c unique (name)', /ADD CONSTRAINT … USING INDEX/],
  ['alter table catalog.products add exclude using gist (name with =)', /Make a new table/],
  [
    'alter table catalog.products add column c uuid default gen_random_uuid()',
    /a default that differs for each row/,
  ],
  [
    'alter table catalog.products add column c timestamptz default clock_timestamp()',
    /a default that differs/,
  ],
  ['alter table catalog.products add column c bigserial', /a serial column rewrites/],
  ['alter table catalog.products add column c catalog.moment', /domain catalog\.moment rewrites/],
  ['alter table catalog.products add column c int check (c > 0)', /add constraints NOT VALID/],
  [
    'alter table catalog.products add column c int generated always as (1) stored',
    /computes or checks the new column/,
  ],
  ['alter table catalog.products disable trigger all', /AT_DisableTrigAll may read/],
  ['alter table catalog.products disable trigger tidy_product', /caches keep old values/],
  ['alter table catalog.products set tablespace fast', /AT_SetTableSpace may read or rewrite/],
  ['alter table catalog.orders attach partition catalog.products default', /ATTACH PARTITION reads/],
  ['alter table catalog.products rename column brand to maker', /services of the release before/],
  ['alter table catalog.products rename to goods', /services of the release before/],
  ['alter table catalog.products set schema other', /services of the release before/],
  [
    "alter domain catalog.moment add constraint c check (value > '2000-01-01')",
    /reads every table that uses the domain/,
  ],
  ['alter domain catalog.moment set not null', /reads every table that uses the domain/],
  ["update catalog.products set brand = 'x'", /UPDATE may lock every row of catalog\.products/],
  ["update catalog.products set brand = 'x' where brand = ''", /UPDATE may lock every row/],
  ["update catalog.settings set store_name = 'x' where id <> 'app'", /UPDATE may lock every row/],
  ["delete from catalog.tombstones where entity = 'product'", /DELETE may lock every row/],
  [
    'merge into catalog.stock s using catalog.products p on s.product_id = p.id when matched then delete',
    /MERGE may/,
  ],
  ['truncate catalog.product_views', /TRUNCATE takes the rows/],
  ['lock table catalog.products', /LOCK TABLE stops the services/],
  ['cluster catalog.products', /CLUSTER rewrites/],
  ['reindex table catalog.products', /REINDEX … CONCURRENTLY/],
  ["set local lock_timeout = '1h'", /the runner sets lock_timeout/],
  ['select 1; commit', /leave BEGIN and COMMIT out/],
  ["do $$ begin execute 'drop table catalog.products'; end $$", /hides what it runs/],
  ["do $$ begin update catalog.products set brand = ''; end $$", /UPDATE may lock every row/],
  [batches, /UPDATE may lock every row/],
  [
    'alter table catalog.products add constraint c check (price_minor > 0) not valid;\nalter table catalog.products validate constraint c',
    /^next\.sql, line 2: VALIDATE CONSTRAINT reads all of catalog\.products while line 1 holds the lock/,
  ],
  [
    'alter table catalog.products validate constraint c, alter column brand drop not null',
    /under the lock of the other parts/,
  ],
  [
    'drop index catalog.products_by_brand;\ncreate table catalog.copy as select * from catalog.products',
    /line 2: it copies rows of catalog\.products while line 1 holds the lock of catalog\.products_by_brand/,
  ],
  [outside('vacuum full catalog.products'), /VACUUM FULL rewrites/],
  [
    outside('create index concurrently i on catalog.products (brand)'),
    /^next\.sql: use CREATE INDEX .*IF NOT EXISTS/,
  ],
  [outside('drop index concurrently catalog.products_by_brand'), /use DROP INDEX CONCURRENTLY IF EXISTS/],
  [outside('alter table catalog.products drop column brand'), /it needs a transaction/],
  [outside("do $$ begin update catalog.products set brand = ''; end $$"), /it needs a transaction/],
  [outside('vacuum catalog.products; vacuum catalog.orders'), /holds one statement/],
])('refuses %s', async (sql, says) => {
  expect(await saysOf(sql)).toEqual([expect.stringMatching(says)]);
});

test.each([
  'create table catalog.things (id int primary key, name text); create index things_by_name on catalog.things (name); update catalog.things set name = null',
  'create temp table t as select id from catalog.products; create index on t (id)',
  'create index i on only catalog.product_history (changed_by)',
  "alter table catalog.products add column a int not null default 0, add column b timestamptz default now(), add c text default 'x'::text",
  'alter table catalog.products add column a int generated always as (price_minor * 2)',
  'alter table catalog.products alter column brand set default 1, drop column gtin',
  'alter table catalog.products add constraint c check (price_minor > 0) not valid',
  'alter table catalog.products validate constraint c',
  'alter table catalog.products add constraint c unique using index i',
  'create table catalog.more partition of catalog.product_history default',
  "alter domain catalog.moment add constraint c check (value > '2000-01-01') not valid",
  'alter domain catalog.moment validate constraint c',
  "update catalog.settings set store_name = 'x' where id = 'app'",
  "delete from catalog.tombstones where entity = 'sku' and key in ('a', 'b')",
  'insert into catalog.view_progress select 1 where false',
  'create or replace function catalog.f() returns int language sql as $$ update catalog.products set version = 1; select 1 $$',
  'create trigger t after insert on catalog.products execute function catalog.tidy_product()',
  'drop table catalog.product_views',
  outside('create index concurrently if not exists i on catalog.products (brand)'),
  outside('drop index concurrently if exists catalog.products_by_brand'),
  outside('reindex index concurrently catalog.products_by_brand'),
  outside('vacuum (analyze) catalog.products'),
  outside(batches),
])('takes %s', async (sql) => {
  expect(await saysOf(sql)).toEqual([]);
});

test('released files are not judged again, and a table of a later file is new for all later files', async () => {
  const index = 'create index i on catalog.products (brand)';
  expect(await longLocks([...ours, next(index)], ours.length + 1)).toEqual([]);
  const made = next('create table catalog.things (id int)');
  expect(
    await longLocks([...ours, made, next('create index i on catalog.things (id)')], ours.length),
  ).toEqual([]);
});

test('a line is counted from the first word of the statement', async () => {
  // The parser gives positions in bytes, and each of these letters has two.
  const [says] = await saysOf('-- ßßßßßßßß\n\n/* two\n lines */ -- one\ncluster\n\n\ncatalog.products');
  expect(says).toMatch(/^next\.sql, line 5: /);
});
