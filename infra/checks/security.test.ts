/** Each control of docs/security.md has a test that exists. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { repositoryRoot } from './sources.ts';

interface Control {
  readonly number: number;
  readonly tests: string;
}

const controlsIn = (page: string): Control[] =>
  [...page.matchAll(/^\| (\d+) \| .+ \| (.+) \|$/gm)].map(([, number, tests = '']) => ({
    number: Number(number),
    tests,
  }));

/**
 * Resolves the test files of each row: a whole path, a name in the folder of the last path or in one above it, or "the same" as
 * the row before.
 *
 * @returns one sentence for each row that names no test, or one that does not exist
 */
function problemsOf(controls: readonly Control[]): string[] {
  let last: string | undefined;
  return controls.flatMap(({ number, tests }) => {
    const named = [...tests.matchAll(/`([\w./*-]+\.test\.ts)`/g)].map(([, file = '']) => file);
    if (named.length === 0 && !(tests.startsWith('the same') && last !== undefined))
      return [`row ${number} names no test`];
    return named.flatMap((file) => {
      const found = resolved(file, last);
      if (found === undefined) return [`row ${number}: there is no ${file}`];
      last = found;
      return [];
    });
  });
}

function resolved(file: string, last: string | undefined): string | undefined {
  if (/^(?:apps|libs|infra)\//.test(file))
    return globSync(file, { cwd: repositoryRoot }).length > 0 ? file : undefined;
  for (let folder = dirname(last ?? '.'); folder !== '.'; folder = dirname(folder))
    if (existsSync(join(repositoryRoot, folder, file))) return join(folder, file);
  return undefined;
}

const controls = controlsIn(readFileSync(join(repositoryRoot, 'docs/security.md'), 'utf8'));

test('every control of docs/security.md names tests that exist', () => {
  expect(controls.length).toBeGreaterThan(45);
  expect(problemsOf(controls)).toEqual([]);
});

test('the controls have the numbers 1, 2, 3 …, so that none was lost', () => {
  expect(controls.map(({ number }) => number)).toEqual(controls.map((_, index) => index + 1));
});

test.each([
  ['a missing file', '`infra/checks/nothing.test.ts`', 'row 1: there is no infra/checks/nothing.test.ts'],
  ['no file', 'somebody looked', 'row 1 names no test'],
  ['the same as nothing', 'the same', 'row 1 names no test'],
  [
    'a missing file beside',
    '`infra/checks/sql.test.ts`, `nothing.test.ts`',
    'row 1: there is no nothing.test.ts',
  ],
])('the check finds %s', (_what, tests, problem) => {
  expect(problemsOf([{ number: 1, tests }])).toEqual([problem]);
});
