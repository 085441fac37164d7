import { createPool, type Pool } from '@catalog/database';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importLimits } from '../limits.ts';
import { Staging } from './staging.ts';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.url, applicationName: 'test', statementTimeout_ms: 0 });
});
afterAll(async () => {
  await pool?.end();
  await database?.[Symbol.asyncDispose]();
});

const rows = async (staging: Staging) => {
  const { rows: counted } = await staging.client.query<{ count: number }>(
    'select count(*)::int as count from import_rows',
  );
  return counted[0]?.count;
};

test('an import that would take more than its share of the disk is refused, however short its records are', async () => {
  const most_bytes = 100_000;
  await using staging = await Staging.open(pool, new AbortController().signal, most_bytes);
  let line = 1;
  const fill = async () => {
    for (; line < 10_000; line++) {
      staging.add(line, { sku: `S${line}` });
      await staging.flush();
    }
  };
  const refused: unknown = await fill().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'body_too_large' });
  expect(String(refused)).toContain(`before line ${line} `);
  const shortest_bytes = importLimits.rowOverhead_bytes + 'S1'.length;
  expect(line).toBeLessThan(most_bytes / shortest_bytes);
  expect(line).toBeGreaterThan(500);
  await staging.complete();
  expect(await rows(staging)).toBe(line - 1);
});
