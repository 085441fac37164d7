/** Small files are easy to read. A file that grows beyond the limit usually has several subjects: split it by subject. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repositoryRoot } from './sources.ts';

const mostLines = 400;

const tooLong = (text: string): boolean => text.trimEnd().split('\n').length > mostLines;

test(`no source file has more than ${mostLines} lines`, () => {
  const patterns = ['*.ts', '*.tsx', '*.css', '*.mjs', '*.js', '*.sql', '*.lua'];
  const files = execFileSync('git', ['ls-files', '-z', ...patterns], {
    cwd: repositoryRoot,
    encoding: 'utf8',
  })
    .split('\0')
    .filter((path) => path !== '');
  expect(files.length).toBeGreaterThan(300);
  const found = files.filter((path) => tooLong(readFileSync(join(repositoryRoot, path), 'utf8')));
  expect(found).toEqual([]);
});

test('the check finds a file with one line too many', () => {
  expect(tooLong('line\n'.repeat(mostLines))).toBe(false);
  expect(tooLong('line\n'.repeat(mostLines + 1))).toBe(true);
});
