import { describe, expect, test } from 'vitest';
import { forbiddenImports, importCycles, type Package } from './imports.ts';
import { readWorkspace } from './project-graph.ts';
import { forbiddenDependencies } from './rules.ts';
import { importsOf } from './sources.ts';

describe('this workspace', () => {
  const { packages, dependencies } = readWorkspace();

  test('has the projects that these tests expect', () => {
    const roots = packages.map(({ root }) => root);
    expect(roots).toEqual(
      expect.arrayContaining(['libs/contracts', 'libs/cache', 'apps/catalog-read', 'infra']),
    );
    expect(packages.flatMap(({ files }) => files).length).toBeGreaterThan(20);
  });

  test('depends only as the table allows', () => {
    expect(forbiddenDependencies(packages, dependencies)).toEqual([]);
  });

  test('imports only what other packages export and its own package.json names', () => {
    expect(forbiddenImports(packages, dependencies)).toEqual([]);
  });

  test('has no import cycles', () => {
    expect(importCycles(packages)).toEqual([]);
  });
});

describe('the check', () => {
  const project = (root: string, files: Record<string, string[]> = {}): Package => ({
    name: `@catalog/${root.split('/')[1] ?? root}`,
    root,
    files: Object.entries(files).map(([path, imports]) => ({ path: `${root}/src/${path}`, imports })),
    exports: root.startsWith('libs/') ? { '.': `${root}/src/index.ts` } : {},
  });
  const edge = (source: string, target: string) => ({
    source: `@catalog/${source}`,
    target: `@catalog/${target}`,
  });
  const all = [
    'libs/contracts',
    'libs/cache',
    'libs/database',
    'libs/testing',
    'libs/new',
    'apps/a',
    'apps/b',
  ];
  const projects = all.map((root) => project(root));

  test.each([
    ['cache', 'database', 'it may import only contracts, runtime, redis'],
    ['contracts', 'cache', 'it may import nothing of ours'],
    ['a', 'b', 'only libs can be imported'],
    ['database', 'a', 'only libs can be imported'],
    ['testing', 'database', 'it may import only contracts, runtime'],
    ['new', 'contracts', 'has no row in the table'],
  ])('refuses that %s depends on %s', (source, target, reason) => {
    expect(forbiddenDependencies(projects, [edge(source, target)])).toEqual([
      expect.stringContaining(reason),
    ]);
  });

  test.each([
    ['cache', 'contracts'],
    ['a', 'database'],
    ['testing', 'contracts'],
    ['cache', 'testing'],
  ])('allows that %s depends on %s', (source, target) => {
    expect(forbiddenDependencies(projects, [edge(source, target)])).toEqual([]);
  });

  test.each([
    ['x.ts', '@catalog/cache/src/near.ts', 'does not export "./src/near.ts"'],
    ['x.ts', '../../../libs/cache/src/near.ts', 'a relative path leaves the package'],
    ['x.ts', '@catalog/testing', 'only tests import it'],
    ['x.ts', '@catalog/contracts', 'package.json does not name it'],
    ['x.ts', '@catalog/nowhere', 'there is no such package'],
  ])('refuses that %s imports %s', (file, specifier, reason) => {
    const packages = [...projects.slice(0, 4), project('apps/c', { [file]: [specifier] })];
    const declared = [edge('c', 'cache'), edge('c', 'testing')];
    expect(forbiddenImports(packages, declared)).toEqual([expect.stringContaining(reason)]);
  });

  test('refuses that the inside of a package imports its own index', () => {
    const packages = [project('libs/cache', { 'a.ts': ['./index.ts'], 'index.ts': ['./a.ts'] })];
    expect(forbiddenImports(packages, [])).toHaveLength(1);
    expect(importCycles(packages)).toEqual([
      'libs/cache/src/a.ts → libs/cache/src/index.ts → libs/cache/src/a.ts',
    ]);
  });

  test('finds a cycle through another package', () => {
    const packages = [
      project('libs/cache', { 'index.ts': ['@catalog/database'] }),
      project('libs/database', { 'index.ts': ['./b.ts'], 'b.ts': ['@catalog/cache'] }),
    ];
    expect(importCycles(packages)).toHaveLength(1);
  });

  test('finds every form of import, but none in a comment', () => {
    const text = [
      "import { a } from 'a';",
      'import {\n  b,\n} from "b";',
      "import 'c';",
      "import type { D } from 'd';",
      "export * from 'e';",
      "export { f } from 'f';",
      "const g = await import('g');",
      "// import { x } from 'x';",
      "/* import { y } from 'y'; */",
    ];
    expect(importsOf(text.join('\n'))).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  });
});
