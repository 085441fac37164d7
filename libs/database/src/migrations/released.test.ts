import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readMigrations } from './files.ts';

test('every migration is as it was released: databases that have it would refuse to go on; a change is a new one', () => {
  const text = readFileSync(new URL('./released.txt', import.meta.url), 'utf8');
  const released = text.trimEnd().split('\n');
  const files = readMigrations().map(
    ({ id, name, checksum }) => `${checksum}  ${String(id).padStart(4, '0')}_${name}.sql`,
  );
  expect(files).toEqual(released);
});
