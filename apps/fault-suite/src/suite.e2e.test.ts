/** Runs the quick rows of the fault matrix, and the control, which proves that the checker can fail. */
import { expect, test } from 'vitest';
import { rows } from './rows/rows.ts';
import { runSuite } from './suite.ts';

const seed = 20_261_123;
const byId = (...ids: string[]) => rows.filter(({ id }) => ids.includes(id));

test('no invariant is violated under the quick rows of the fault matrix', async () => {
  const quick = rows.filter((row) => row.quick);
  const { outcomes } = await runSuite({ rows: quick, seed, plain: false, patience: 0, say: () => {} });
  expect(outcomes).toHaveLength(quick.length);
  expect(outcomes.flatMap(({ row, story }) => story.map((line) => `${row.id}: ${line}`))).toEqual([]);
  for (const { operations } of outcomes) expect(operations).toBeGreaterThan(100);
}, 400_000);

test('no invariant is violated when a shard of a cluster fails over, and when all nodes stop', async () => {
  const { outcomes } = await runSuite({
    rows: byId('73', '75'),
    seed,
    plain: false,
    cluster: true,
    patience: 0,
    say: () => {},
  });
  expect(outcomes.flatMap(({ row, story }) => story.map((line) => `${row.id}: ${line}`))).toEqual([]);
  for (const { operations } of outcomes) expect(operations).toBeGreaterThan(100);
}, 200_000);

test('plain cache-aside violates the invariants under the same load and the same checker', async () => {
  const { outcomes } = await runSuite({
    rows: byId('1', '24'),
    seed,
    plain: true,
    patience: 0,
    say: () => {},
  });
  const violated = outcomes.flatMap(({ violated }) => violated);
  expect(violated).toEqual(expect.arrayContaining(['I1', 'I2', 'I6']));
}, 120_000);
