import { createTestDatabase } from '@catalog/testing';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { createPool } from '../postgres/pool.ts';
import { isSnapshot } from './snapshot.ts';

const database = await createTestDatabase();
const pool = createPool({ url: database.url, applicationName: 'test' });
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

const number = fc.oneof(
  fc.integer({ min: 0, max: 6 }).map(String),
  fc.constantFrom('9223372036854775807', '9223372036854775808', '99999999999999999999', '07'),
);

test('Postgres reads every text that is accepted as a snapshot', async () => {
  await fc.assert(
    fc.asyncProperty(number, number, fc.array(number, { maxLength: 4 }), async (first, end, open) => {
      const text = `${first}:${end}:${open.join()}`;
      if (isSnapshot(text)) await pool.query('select $1::pg_snapshot', [text]);
    }),
    { numRuns: 500 },
  );
});

test('every snapshot of Postgres is accepted', async () => {
  for (const text of ['1:1:', '10:20:10,14,15', '3:7:5']) {
    const { rows } = await pool.query<{ text: string }>('select $1::pg_snapshot::text as text', [text]);
    expect(isSnapshot(rows[0]?.text)).toBe(true);
  }
  const { rows } = await pool.query<{ text: string }>('select pg_current_snapshot()::text as text');
  expect(isSnapshot(rows[0]?.text)).toBe(true);
});
