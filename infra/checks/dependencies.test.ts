/** The installed packages are the reviewed ones: each is pinned by its hash, and no unapproved install script runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { repositoryRoot } from './sources.ts';

const specifiers = z.record(z.string(), z.string()).default({});
const lockfileSchema = z.object({
  lockfileVersion: z.number(),
  packages: z.record(
    z.string(),
    z.object({
      link: z.boolean().default(false),
      integrity: z.string().optional(),
      resolved: z.string().optional(),
      hasInstallScript: z.boolean().default(false),
      dependencies: specifiers,
      devDependencies: specifiers,
      optionalDependencies: specifiers,
      peerDependencies: specifiers,
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

/** A version, a range or a tag, perhaps of another name: `npm:other@^1`. Anything else is git, a URL, a file or a folder. */
const ofRegistry = (specifier: string): boolean =>
  !/[:/]|^\.|^~\//.test(specifier.replace(/^npm:(?:@[\w.-]+\/)?[\w.-]+(?:@|$)/, ''));

test('no package depends on anything outside the registry', () => {
  const outside = Object.entries(packages).flatMap(([path, found]) =>
    [found.dependencies, found.devDependencies, found.optionalDependencies, found.peerDependencies]
      .flatMap((each) => Object.entries(each))
      .filter(([, specifier]) => !ofRegistry(specifier))
      .map(([name, specifier]) => `${path === '' ? 'package.json' : path}: ${name}@${specifier}`),
  );
  expect(outside).toEqual([]);
});

test.each([
  'git+https://github.com/a/b.git',
  'git@github.com:a/b',
  'github:a/b',
  'a/b#main',
  'https://example.com/b.tgz',
  'file:../b',
  './b',
  '~/b',
])('the check refuses %s', (specifier) => {
  expect(ofRegistry(specifier)).toBe(false);
});
test.each(['1.2.3', '^1.2 || >=3 <4', '*', 'latest', 'npm:other@^1.0.0', 'npm:@scope/other@1'])(
  'the check allows %s',
  (specifier) => {
    expect(ofRegistry(specifier)).toBe(true);
  },
);

test('npm runs no script that was not approved, and fetches nothing from git, a URL or a file', () => {
  const settings = readFileSync(join(repositoryRoot, '.npmrc'), 'utf8').split('\n');
  for (const setting of [
    'strict-allow-scripts=true',
    'allow-git=none',
    'allow-remote=none',
    'allow-file=none',
  ])
    expect(settings).toContain(setting);
});

test('allowScripts lists every package with an install script, and no other', () => {
  const withScripts = installed.filter(([, { hasInstallScript }]) => hasInstallScript);
  expect([...new Set(withScripts.map(([path]) => nameOf(path)))].sort()).toEqual(
    Object.keys(allowScripts).sort(),
  );
});
