import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const repository = resolve(import.meta.dirname, '../..');
const text = (file: string) => readFileSync(join(repository, file), 'utf8');

/** The files that declare the variables of the services, as `NAME: shape`. */
const configurations = [
  'libs/service-kit/src/config/base.ts',
  'apps/catalog-read/src/config.ts',
  'apps/catalog-write/src/config.ts',
  'apps/invalidation-worker/src/config.ts',
  'apps/orders/src/config.ts',
  'apps/console/server/config.ts',
];
const commands = ['PORT_BASE', 'STACK_FOLDER', 'CACHE', 'REDIS_SERVER'];

test('docs/environment.md names every variable that a service reads, and no other', () => {
  const read = configurations.flatMap((file) =>
    [...text(file).matchAll(/^\s+([A-Z][A-Z_]+)(?=:|,$)/gm)].map((match) => match[1] ?? ''),
  );
  const documented = text('docs/environment.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) =>
      [...(line.split(' | ')[0] ?? '').matchAll(/`([A-Z_]+)`/g)].map((match) => match[1] ?? ''),
    );
  expect(new Set(documented)).toEqual(new Set([...read, ...commands]));
});
