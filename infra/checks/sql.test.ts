import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { codeIn, repositoryRoot } from './sources.ts';

/** Statements put together from strings: a template with a hole that is no escaped identifier, or a sum. */
function builtFromStrings(code: string): string[] {
  const calls = /\.query\s*(?:<[^()`'"]*>)?\(\s*(`[^`]*`|(?:'[^'\n]*'|"[^"\n]*")\s*\+)/g;
  return [...code.matchAll(calls)]
    .map((match) => match[1] ?? '')
    .filter((text) => !text.startsWith('`') || /\$\{(?!\w+\.escapeIdentifier\()/.test(text));
}

test.each([
  ['pool.query(`select ${name}`)', true],
  ["client.query<{ id: string }>('select ' + name)", true],
  ['pool.query(`create database ${client.escapeIdentifier(name)}`)', false],
  ['pool.query(sql.load, [id])', false],
  ["pool.query('select 1')", false],
])('%s: %s', (code, isBuilt) => {
  expect(builtFromStrings(code).length > 0).toBe(isBuilt);
});

test('no code that ships puts SQL together from strings', () => {
  const found = ['apps', 'libs']
    .flatMap(codeIn)
    .filter((path) => !/\.test\.ts$|\/testing\/|apps\/benchmark\//.test(path))
    .flatMap((path) =>
      builtFromStrings(readFileSync(join(repositoryRoot, path), 'utf8')).map((text) => `${path}: ${text}`),
    );
  expect(found).toEqual([]);
});
