/** The installed packages are the reviewed ones: each is pinned by its hash, and no unapproved install script runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { repositoryRoot } from './sources.ts';

const lockfileSchema = z.object({
  lockfileVersion: z.number(),
  packages: z.record(
    z.string(),
    z.object({
      link: z.boolean().default(false),
      integrity: z.string().optional(),
      resolved: z.string().optional(),
      hasInstallScript: z.boolean().default(false),
    }),
  ),
});
const manifestSchema = z.object({ allowScripts: z.record(z.string(), z.boolean()) });

const parsed = (file: string): unknown => JSON.parse(readFileSync(join(repositoryRoot, file), 'utf8'));
const { lockfileVersion, packages } = lockfileSchema.parse(parsed('package-lock.json'));
const { allowScripts } = manifestSchema.parse(parsed('package.json'));

/** Packages from the registry, by path. The packages of the workspace are links. */
const installed = Object.entries(packages).filter(
  ([path, { link }]) => path.includes('node_modules/') && !link,
);
const nameOf = (path: string): string =>
  path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

test('the lockfile has a version that stores a hash of every package', () => {
  expect(lockfileVersion).toBe(3);
  expect(installed.length).toBeGreaterThan(100);
});

test('every package has a SHA-512, also those for other platforms', () => {
  const loose = installed.filter(([, { integrity = '' }]) => !/^sha512-[\w+/]{86}==$/.test(integrity));
  expect(loose.map(([path]) => path)).toEqual([]);
});

test('every package comes from the npm registry', () => {
  const elsewhere = installed.filter(
    ([, { resolved }]) => resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/'),
  );
  expect(elsewhere.map(([path]) => path)).toEqual([]);
});

test('allowScripts lists every package with an install script, and no other', () => {
  const withScripts = installed.filter(([, { hasInstallScript }]) => hasInstallScript);
  expect([...new Set(withScripts.map(([path]) => nameOf(path)))].sort()).toEqual(
    Object.keys(allowScripts).sort(),
  );
});
