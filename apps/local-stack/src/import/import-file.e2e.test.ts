/** `npm run import`, as a person types it, on the real stack. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPool, type Pool } from '@catalog/database';
import { stackPlace, startLocalStack, type LocalStack, type StackPlace } from '@catalog/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startCommand } from '../testing/run-command.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let place: StackPlace;
let stack: LocalStack;
let sql: Pool;
beforeAll(async () => {
  place = await stackPlace();
  stack = await startLocalStack(place);
  sql = createPool({ url: await stack.databaseUrl(), applicationName: 'psql' });
});
afterAll(async () => {
  await sql.end();
  await stack[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

const header = 'sku,name,brand,category,priceMinor,currency\n';
const row = (sku: string, price: number | string = 1): string => `${sku},Lamp,Acme,Lighting,${price},EUR\n`;

const start = (...args: string[]) => startCommand(place, 'import', ...args);
const run = (...args: string[]): Promise<[number | null, string]> => start(...args).result;

async function products(prefix: string): Promise<number> {
  const { rows } = await sql.query<{ products: number }>(
    'select count(*) as products from catalog.products where starts_with(sku, $1)',
    [prefix],
  );
  return rows[0]?.products ?? -1;
}

test('a file is imported, and the result is printed', async () => {
  await writeFile(join(place.root, 'new.csv'), header + row('CLI-1') + row('CLI-2'));
  const [dry, would] = await run('new.csv', '--dry-run');
  expect([dry, await products('CLI-')]).toEqual([0, 0]);
  expect(would).toContain('would be created 2, updated 0, unchanged 0; bad 0');
  const [code, said] = await run('new.csv');
  expect([code, await products('CLI-')]).toEqual([0, 2]);
  expect(said).toMatch(/2 rows read in .* rows\/s\n\s+created 2, updated 0, unchanged 0; bad 0/);
});

test('bad rows are named by line and field, and it exits with 1 unless they may be skipped', async () => {
  await writeFile(join(place.root, 'bad.csv'), header + row('BAD-1') + row('BAD-2', 'free'));
  const [code, said] = await run('bad.csv');
  expect([code, await products('BAD-')]).toEqual([1, 0]);
  expect(said).toContain('Rejected, nothing has changed: 1 bad.');
  expect(said).toContain('line 3, priceMinor: must be a whole number, digits only');
  expect((await run('bad.csv', '--mode', 'skip-failed'))[0]).toBe(0);
  expect(await products('BAD-')).toBe(1);
});

test.each([
  ['a file that is refused as a whole', ['semicolons.csv'], /Refused \(400 invalid_request\).*semicolons/s],
  ['no file', [], /No file was given/],
  ['a file that is not there', ['gone.csv'], /gone\.csv cannot be read/],
  ['a name of no known format', ['new.txt'], /format of .*new\.txt" is not known from its name/],
  ['an unknown mode', ['new.csv', '--mode', 'all'], /There is no mode "all"/],
])('%s: it says so and exits with 1', async (_name, args, says) => {
  await writeFile(join(place.root, 'semicolons.csv'), header.replaceAll(',', ';'));
  const [code, said] = await run(...args);
  expect(code).toBe(1);
  expect(said).toMatch(says);
});

test('Ctrl-C ends it at once, and nothing changes', async () => {
  const file = createWriteStream(join(place.root, 'long.csv'));
  file.write(header);
  for (let first = 0; first < 400_000; first += 1_000) {
    const rows = Array.from({ length: 1_000 }, (_, index) => row(`LONG-${first + index}`)).join('');
    if (!file.write(rows)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'finish');
  const { child, result } = start('long.csv');
  await expect
    .poll(
      async () =>
        (await sql.query("select from catalog.imports where state = 'running' and received > 0")).rowCount,
      { timeout: 30_000, interval: 20 },
    )
    .toBe(1);
  child.kill('SIGINT');
  const [code, said] = await result;
  expect(code).toBe(1);
  expect(said).toMatch(/Stopped\.\s+Nothing has changed\./);
  expect(await products('LONG-')).toBe(0);
});
