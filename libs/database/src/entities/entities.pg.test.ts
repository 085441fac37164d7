import { entities } from '@catalog/contracts';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '../postgres/pool.ts';
import { entityLoaders } from './loaders.ts';

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

test('each cached entity has a trigger on some table that records inserts, updates, deletes and TRUNCATE', async () => {
  // A trigger names its entity in its arguments, or in the text of its function. Bits of tgtype: pg_trigger.h.
  const { rows } = await pool.query<{ entity: string; event: string }>(
    `select entity.name as entity, event.name as event
     from unnest($1::text[]) as entity (name)
     cross join (values ('insert', 4), ('delete', 8), ('update', 16), ('truncate', 32)) as event (name, bit)
     where not exists (
       select from pg_trigger t
       join pg_class c on c.oid = t.tgrelid and c.relnamespace = 'catalog'::regnamespace
       join pg_proc f on f.oid = t.tgfoid
       where not t.tgisinternal and t.tgtype & event.bit <> 0 and f.prosrc ~ 'outbox|record_change'
         and (encode(t.tgargs, 'escape') = entity.name || '\\000'
           or f.prosrc like '%' || quote_literal(entity.name) || '%'))
     order by 1, 2`,
    [entities.map(({ name }) => name)],
  );
  const missing = rows.map(({ entity, event }) => `${entity}: no trigger records ${event}`);
  expect(missing, 'add `call catalog.track_changes(…)` to the migration of its table').toEqual([]);
});

test('each cached entity has a loader, which answers an unknown key as missing', async () => {
  const loaders: Readonly<Record<string, (keys: readonly string[]) => Promise<unknown>>> =
    entityLoaders(pool);
  expect(
    entities.map(({ name }) => name).filter((name) => loaders[name] === undefined),
    'add a line to entities/loaders.ts',
  ).toEqual([]);
  for (const { name } of entities) {
    expect(await loaders[name]?.(['no such key']), name).toEqual(
      new Map([['no such key', { version: expect.any(Number) as number, body: null }]]),
    );
  }
});
