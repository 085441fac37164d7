/** Words that no product has are forgotten, and no others. */
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createPool } from '../postgres/pool.ts';
import { insertRow } from '../testing/products.ts';
import { forgetWords } from './known-words.ts';

let database: TestDatabase;
let owner: Pool;
let worker: Pool;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: true });
  owner = createPool({ url: database.url, applicationName: 'test' });
  worker = createPool({ url: database.urlFor('invalidation_worker'), applicationName: 'worker' });
});
beforeEach(() => owner.query('truncate catalog.products, catalog.known_words'));
afterAll(async () => {
  await Promise.all([owner.end(), worker.end()]);
  await database[Symbol.asyncDispose]();
});

async function knownWords(): Promise<string[]> {
  const { rows } = await owner.query<{ word: string }>('select word from catalog.known_words order by word');
  return rows.map(({ word }) => word);
}
/** As if that time had gone by since the last look. */
const later = (time: string) =>
  owner.query('update catalog.known_words set unused_since = unused_since - $1::interval', [time]);
const rename = (id: string, name: string) =>
  owner.query('update catalog.products set name = $2 where id = $1', [id, name]);

test('a word is forgotten an hour after a look has found no product with it', async () => {
  const { id } = await insertRow(owner, { name: 'Blender', brand: 'Acme', sku: '1' });
  await rename(id, 'Toaster');
  await forgetWords(worker, 100, 10_000);
  await later('59 minutes');
  await forgetWords(worker, 100, 10_000);
  expect(await knownWords()).toEqual(['acme', 'blender', 'toaster']);
  await later('1 minute');
  await forgetWords(worker, 100, 10_000);
  expect(await knownWords()).toEqual(['acme', 'toaster']);
});

test('a word stays that a product has again, also if the look did not see the product', async () => {
  const { id } = await insertRow(owner, { name: 'Blender', brand: 'Acme', sku: '1' });
  const client = await owner.connect();
  try {
    await rename(id, 'Toaster');
    // It finds the word here, and commits after the look.
    await client.query('begin');
    await insertRow(client, { name: 'Blender', brand: 'Acme', sku: '2' });
    await forgetWords(worker, 100, 10_000);
    await client.query('commit');
  } finally {
    client.release();
  }
  await later('2 hours');
  await forgetWords(worker, 100, 10_000);
  expect(await knownWords()).toEqual(['acme', 'blender', 'toaster']);
  await owner.query("delete from catalog.products where sku = '2'");
  await forgetWords(worker, 100, 10_000);
  await rename(id, 'Blender');
  expect(await knownWords()).toEqual(['acme', 'blender', 'blender', 'toaster']);
  await later('2 hours');
  await forgetWords(worker, 100, 10_000);
  expect((await knownWords()).filter((word) => word === 'blender')).toEqual(['blender']);
});

test('each look goes on where the last one has ended', async () => {
  await insertRow(owner, { name: 'Alpha Beta Gamma Delta', brand: 'Acme', sku: '1' });
  await owner.query('truncate catalog.product_search');
  const marked = async () => {
    const { rows } = await owner.query<{ word: string }>(
      'select word from catalog.known_words where unused_since is not null order by word',
    );
    return rows.map(({ word }) => word);
  };
  await forgetWords(worker, 2, 10_000);
  expect(await marked()).toEqual(['acme', 'alpha']);
  await forgetWords(worker, 2, 10_000);
  expect(await marked()).toEqual(['acme', 'alpha', 'beta', 'delta']);
  await forgetWords(worker, 2, 10_000);
  expect(await marked()).toEqual(['acme', 'alpha', 'beta', 'delta', 'gamma']);
});

test('a look ends in time, and the next one goes on behind its last word', async () => {
  await owner.query("insert into catalog.known_words select 'word' || n from generate_series(1, 50000) n");
  const marked = async () => {
    const { rows } = await owner.query<{ count: number; isInOrder: boolean }>(
      `select count(*), max(word) < (select min(word) from catalog.known_words where unused_since is null) as "isInOrder"
       from catalog.known_words where unused_since is not null`,
    );
    return rows[0];
  };
  await forgetWords(worker, 1_000_000, 5);
  const first = (await marked())?.count ?? 0;
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(50_000);
  await forgetWords(worker, 1_000_000, 5);
  const second = await marked();
  expect(second?.count).toBeGreaterThan(first);
  expect(second?.isInOrder).toBe(true);
});
