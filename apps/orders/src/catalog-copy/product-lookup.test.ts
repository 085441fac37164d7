/** The caller pays for its lookups, and others do not. See docs/security.md, row 67. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CatalogClient } from '@catalog/catalog-client';
import { expect, test } from 'vitest';
import { ProductLookup, skusOfRequest, unknownSkuCost } from './product-lookup.ts';

/** A catalog that answers when the test lets it: without products, unless it has one for each SKU. */
function scriptedCatalog({ left = 1_000_000, hasAll = false } = {}) {
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  const getBySku = (sku: string) => {
    asked.push(sku);
    return new Promise((resolve) => answers.push(() => resolve(hasAll ? { sku } : null)));
  };
  const charged: number[] = [];
  const lookup = new ProductLookup({
    catalog: { products: { getBySku } } as unknown as CatalogClient,
    copy: { find: () => Promise.resolve(undefined) },
    rateLimiter: {
      limit: left,
      window_ms: 1_000,
      take(_caller, cost = 1) {
        const allowed = cost <= left;
        if (allowed) {
          left -= cost;
          charged.push(cost);
        }
        return { allowed, left, reset_ms: 1 };
      },
    },
  });
  const answerAll = async () => {
    for (const answer of answers.splice(0)) answer();
    await nextTurn();
  };
  return { asked, charged, lookup, answerAll };
}

test('lookups of one caller wait for its earlier ones, and those of another caller do not', async () => {
  const { asked, lookup, answerAll } = scriptedCatalog();
  const many = Array.from({ length: 100 }, (_, line) => lookup.find(`A-${line}`, { caller: 'a' }));
  const other = lookup.find('B', { caller: 'b' });
  await nextTurn();
  expect([asked.length, asked.includes('B')]).toEqual([21, true]);
  for (let round = 0; round < 5; round += 1) await answerAll();
  await Promise.all([...many, other]);
  expect(asked).toHaveLength(101);
});

test('a lookup is not sent for a caller who gave up while it waited', async () => {
  const { asked, lookup, answerAll } = scriptedCatalog();
  const until_ms = performance.now() + 20;
  const first = Array.from({ length: 20 }, () => lookup.find('FIRST', { caller: 'a' }));
  await expect(lookup.find('LATE', { caller: 'a', until_ms })).rejects.toMatchObject({ code: 'unavailable' });
  await answerAll();
  await Promise.all(first);
  expect(asked).not.toContain('LATE');
});

test('a caller pays for each unknown SKU, at last with all its remaining requests', async () => {
  const { charged, lookup, answerAll } = scriptedCatalog({ left: 2 * unknownSkuCost + 3 });
  const unknown = Array.from({ length: 4 }, (_, line) => lookup.find(`A-${line}`, { caller: 'a' }));
  await nextTurn();
  await answerAll();
  expect(await Promise.all(unknown)).toEqual([null, null, null, null]);
  expect(charged).toEqual([unknownSkuCost, unknownSkuCost, 3]);
});

test('a caller pays for orders with many lines, because all callers share what the catalog answers to this service', async () => {
  const { charged, lookup, answerAll } = scriptedCatalog({ hasAll: true });
  const skus = Array.from({ length: 4 * skusOfRequest + 1 }, (_, line) => `A-${line}`);
  const found = lookup.findAll(skus, { caller: 'a' });
  await nextTurn();
  for (let round = 0; round < 2; round += 1) await answerAll();
  expect((await found).map((product) => product?.sku)).toEqual(skus);
  expect(charged).toEqual([4]);
  const one = lookup.findAll(['A'], { caller: 'a' });
  await nextTurn();
  await answerAll();
  await one;
  expect(charged).toEqual([4]);
});
