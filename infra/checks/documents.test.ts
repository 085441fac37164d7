import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { missingFrom, readPages, type Repository, thisRepository } from './documents.ts';
import { repositoryRoot } from './sources.ts';

test('every link, path, npm script, package and fault row that a page names exists', () => {
  const pages = readPages();
  expect(pages.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['README.md', 'docs/protocol.md', 'libs/cache/README.md']),
  );
  expect(pages.flatMap((page) => missingFrom(page, thisRepository))).toEqual([]);
});

const repository: Repository = {
  exists: (path) => ['docs/a.md', 'libs/x/src/b.ts', 'libs/x/package.json', 'package.json'].includes(path),
  scripts: (folder) => (folder === '' ? ['prove', 'faults'] : ['migrate']),
  faultRows: () => ['1', '3+4', '12b'],
};
const inLib = (text: string) => missingFrom({ path: 'libs/x/README.md', text }, repository);

test.each([
  ['[a](../../docs/a.md#part)'],
  ['[elsewhere](https://example.org/none.md)'],
  ['`src/b.ts`, `libs/x/src/b.ts`'],
  ['`npm run prove -- --fast`, `npm run migrate -w @catalog/x`'],
  ['```\nlibs/none.ts\n```'],
  ['`npm run faults -- --row 1,3+4`, `--row N`, `npm test -- -p x`, `npx nx test x`'],
  ['`apps/…/main.ts`, `libs/*/README.md`, `SELECT/none`'],
])('accepts %s', (text) => {
  expect(inLib(text)).toEqual([]);
});

test.each([
  ['[a](../docs/a.md)', 'link to ../docs/a.md'],
  ['`src/c.ts`', 'path src/c.ts'],
  ['`parts/`', 'path parts/'],
  ['`libs/none/folder`', 'path libs/none/folder'],
  ['`npm run none`', 'npm run none'],
  ['`npm run --silent migrate`', 'npm run migrate'],
  ['`npm run faults -- --row 3+4,12`', 'fault row 12'],
  ['`npm test -- -p y`', 'package y'],
  ['`npm run prove -w @catalog/x`', 'npm run prove -w @catalog/x'],
])('names what is missing in %s', (text, missing) => {
  expect(inLib(text)).toEqual([`libs/x/README.md: ${missing}`]);
});

test('the guide to a cached entity shows the code as it is', () => {
  const readme = readPages().find(({ path }) => path === 'libs/cache/README.md')?.text ?? '';
  const guide = readme.split('## How to add a cached entity')[1]?.split('\n## ')[0] ?? '';
  const paths = [...guide.matchAll(/`((?:apps|libs)\/[\w./-]+)`/g)].map(([, path = '']) => path);
  const code = paths.map((path) => readFileSync(join(repositoryRoot, path), 'utf8')).join('\n');
  const blocks = [...guide.matchAll(/```(?:ts|sql)\n([^]*?)```/g)].map(([, block = '']) => block);
  const lines = blocks.flatMap((block) => block.split('\n')).map((line) => line.trim());
  const shown = lines.filter((line) => line !== '' && !/^\/\/|…/.test(line));
  expect(shown.length).toBeGreaterThan(8);
  expect(shown.filter((line) => !code.includes(line))).toEqual([]);
});
