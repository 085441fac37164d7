import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { codeIn, repositoryRoot } from './sources.ts';

const verb = String.raw`\s*(?:select|insert\s+into|update|delete\s+from|truncate|create|alter|drop|grant|copy)\s`;
const calls = /\.query\s*(?:<[^()`'"]*>)?\(\s*(`[^`]*`|(?:'[^'\n]*'|"[^"\n]*")\s*\+)/g;
/** A statement anywhere in the code, for instance in a variable or as the `text` of an object. */
const statements = new RegExp(`(\`${verb}[^\`]*\`|(?:'${verb}[^'\\n]*'|"${verb}[^"\\n]*")\\s*\\+)`, 'gi');

/** Finds statements that are built from strings: a sum, or a template with a hole that is not an escaped identifier. */
function builtFromStrings(code: string): string[] {
  return [calls, statements]
    .flatMap((pattern) => [...code.matchAll(pattern)])
    .map((match) => match[1] ?? '')
    .filter((text) => !text.startsWith('`') || /\$\{(?!\w+\.escapeIdentifier\()/.test(text));
}

test.each([
  ['pool.query(`select ${name}`)', true],
  ["client.query<{ id: string }>('select ' + name)", true],
  ["const text = `\n  select from products where sku = '${sku}'`;", true],
  ['pool.query({ text: `delete from products where id = ${id}`, values: [] })', true],
  ["const text = 'update products set name = ' + name;", true],
  ['log.info(`selected ${name}`)', false],
  ['pool.query(`create database ${client.escapeIdentifier(name)}`)', false],
  ['pool.query(sql.load, [id])', false],
  ["pool.query('select 1')", false],
])('%s: %s', (code, isBuilt) => {
  expect(builtFromStrings(code).length > 0).toBe(isBuilt);
});

// Benchmarks and faults change tables and settings, whose names cannot be parameters. They run on databases of their own.
test('no production code builds SQL from strings', () => {
  const found = ['apps', 'libs']
    .flatMap(codeIn)
    .filter((path) => !/\.test\.ts$|\/testing\/|apps\/(?:benchmark|fault-suite)\//.test(path))
    .flatMap((path) =>
      builtFromStrings(readFileSync(join(repositoryRoot, path), 'utf8')).map((text) => `${path}: ${text}`),
    );
  expect(found).toEqual([]);
});

// A statement that only runs late would fail only then.
test('every SQL file that the code loads by name exists', () => {
  const loaded = ['apps', 'libs'].flatMap(codeIn).flatMap((path) => {
    const code = readFileSync(join(repositoryRoot, path), 'utf8').replaceAll(
      /^\s*(?:\/\*\*|\*|\/\/).*$/gm,
      '',
    );
    return [...code.matchAll(/'(\.[\w./-]*\.sql)'/g)].map(([, file = '']) => join(dirname(path), file));
  });
  expect(loaded.length).toBeGreaterThan(50);
  expect(loaded.filter((file) => !existsSync(join(repositoryRoot, file)))).toEqual([]);
});
