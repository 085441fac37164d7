/** The package as somebody outside this repository gets it. In a copy of the libs, because packing changes the package.json. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const repository = resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'catalog-packed-'));
const workspace = join(folder, 'workspace');
const outside = join(folder, 'outside');
const run = (command: string, args: readonly string[], cwd: string) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

let dependencies: string[] = [];
beforeAll(() => {
  for (const lib of ['catalog-client', 'contracts', 'runtime']) {
    const filter = (path: string) => !/node_modules|reports|\/dist(\/|$)/.test(path);
    cpSync(join(repository, 'libs', lib), join(workspace, 'libs', lib), { recursive: true, filter });
  }
  cpSync(join(repository, 'tsconfig.base.json'), join(workspace, 'tsconfig.base.json'));
  symlinkSync(join(repository, 'node_modules'), join(workspace, 'node_modules'));
  const client = join(workspace, 'libs/catalog-client');
  run('npm', ['pack', '--pack-destination', folder], client);

  // As npm would install it, but without a registry: its dependencies come from here.
  const installed = join(outside, 'node_modules/@catalog/catalog-client');
  mkdirSync(installed, { recursive: true });
  run(
    'tar',
    ['-xzf', join(folder, 'catalog-catalog-client-0.0.0.tgz'), '-C', installed, '--strip-components=1'],
    outside,
  );
  dependencies = Object.keys(
    (
      JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
        dependencies: Record<string, string>;
      }
    ).dependencies,
  );
  for (const name of [...dependencies.filter((one) => !one.startsWith('@catalog/')), '@types'])
    symlinkSync(join(repository, 'node_modules', name), join(outside, 'node_modules', name));
  writeFileSync(join(outside, 'package.json'), '{"name":"outside","type":"module"}');
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true }));

test('the packed client needs no package of this repository, and packing leaves package.json as it was', () => {
  expect(dependencies.filter((name) => name.startsWith('@catalog/'))).toEqual([]);
  const packed = readFileSync(join(workspace, 'libs/catalog-client/package.json'), 'utf8');
  expect(packed).toBe(readFileSync(join(repository, 'libs/catalog-client/package.json'), 'utf8'));
});

test('plain JavaScript uses the packed client', () => {
  writeFileSync(
    join(outside, 'use.js'),
    `import { CatalogUnavailable, createCatalogClient } from '@catalog/catalog-client';
     const catalog = createCatalogClient({ readUrl: 'http://127.0.0.1:1', timeout_ms: 500 });
     const error = await catalog.products.getBySku('LAMP').catch((error) => error);
     console.log(\`\${error instanceof CatalogUnavailable} \${typeof catalog.changes}\`);`,
  );
  expect(run(process.execPath, ['use.js'], outside)).toBe('true function\n');
}, 60_000);

test('strict TypeScript knows its types', () => {
  writeFileSync(
    join(outside, 'use.ts'),
    `import { createCatalogClient } from '@catalog/catalog-client';
     const catalog = createCatalogClient({ readUrl: 'http://127.0.0.1:1' });
     for await (const { key, kind, product } of catalog.changes({ include: 'product' })) {
       const price: number | undefined = product?.priceMinor;
       const name: string = key + kind;
       console.log(price, name);
     }
     // @ts-expect-error: a SKU is a text
     await catalog.products.getBySku(1);`,
  );
  const options = { strict: true, noEmit: true, module: 'nodenext', target: 'es2024', types: ['node'] };
  writeFileSync(
    join(outside, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['use.ts'] }),
  );
  const tsc = join(repository, 'node_modules/.bin/tsc');
  expect(run(tsc, ['-p', 'tsconfig.json'], outside)).toBe('');
}, 120_000);
