import { readFile } from 'node:fs/promises';
import { exampleSku } from '@catalog/contracts';
import { type RunningCatalog, startCatalog } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCatalogClient } from './client.ts';

let catalog: RunningCatalog;
beforeAll(async () => {
  catalog = await startCatalog({ readEnv: { ALLOW_ANONYMOUS_READS: 'true' } });
});
afterAll(() => catalog?.[Symbol.asyncDispose]());

test('"Call it from your service" of the README does what it says', async () => {
  const writer = createCatalogClient({
    readUrl: catalog.read.url,
    writeUrl: catalog.write.url,
    identity: { service: 'test', keyFile: catalog.tokens.keyFile },
  });
  const light = { brand: 'Acme', category: 'light', currency: 'EUR', status: 'active' } as const;
  await writer.products.create({
    ...light,
    sku: exampleSku,
    name: 'Downlight',
    priceMinor: 3099,
    weightGrams: 200,
  });
  await writer.products.create({
    ...light,
    sku: 'DEAR',
    name: 'Chandelier',
    priceMinor: 99_900,
    weightGrams: 9_000,
  });

  const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
  const section = readme.split('## Call it from your service')[1]?.split('\n## ')[0] ?? '';
  const [, code = ''] = /```ts\nimport \{ createCatalogClient \}.*\n([^]*?)```/.exec(section) ?? [];
  expect(code.trim().split('\n').length).toBeLessThanOrEqual(10);
  const runnable = code.replace('http://127.0.0.1:4001', catalog.read.url);
  expect(runnable).not.toBe(code);
  const asModule = `export default async (createCatalogClient, console) => {${runnable}};`;
  const { default: run } = (await import(`data:text/javascript,${encodeURIComponent(asModule)}`)) as {
    default: (create: typeof createCatalogClient, console: object) => Promise<void>;
  };
  const said: unknown[][] = [];
  await run(createCatalogClient, { log: (...values: unknown[]) => said.push(values) });
  expect(said).toEqual([
    ['Downlight', 3099, 'EUR'],
    ['DEAR', 9_000],
    [exampleSku, 200],
  ]);
});
