/** What is installed is what was reviewed: pinned by its hash, and running no script that nobody approved. */
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

/** The packages of others, by path; those of the workspace are links. */
const installed = Object.entries(packages).filter(
  ([path, { link }]) => path.includes('node_modules/') && !link,
);
const nameOf = (path: string): string =>
  path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

test('the lockfile is of a version that holds a hash of every package', () => {
  expect(lockfileVersion).toBe(3);
  expect(installed.length).toBeGreaterThan(100);
});

test('every package is held to its SHA-512, those for other platforms too', () => {
  const loose = installed.filter(([, { integrity = '' }]) => !/^sha512-[\w+/]{86}==$/.test(integrity));
  expect(loose.map(([path]) => path)).toEqual([]);
});

test('every package comes from the registry, none from an address of its own', () => {
  const elsewhere = installed.filter(
    ([, { resolved }]) => resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/'),
  );
  expect(elsewhere.map(([path]) => path)).toEqual([]);
});

test('somebody decided about every package with an install script, and about no other', () => {
  const withScripts = installed.filter(([, { hasInstallScript }]) => hasInstallScript);
  expect([...new Set(withScripts.map(([path]) => nameOf(path)))].sort()).toEqual(
    Object.keys(allowScripts).sort(),
  );
});
