import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { commitOf, findPrevious, git } from './previous.ts';

let root: string;
let folder: string;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'previous-'));
  folder = join(root, 'work');
  mkdirSync(join(folder, 'libs/database/migrations'), { recursive: true });
  release(0);
});
afterEach(() => rmSync(root, { recursive: true }));

const write = (name: string, text: string) =>
  writeFileSync(join(folder, 'libs/database/migrations', name), text);
const release = (released: number) => write('released.json', JSON.stringify({ released }));

let commits = 0;

/** Commits all files. @returns the commit */
async function commit(): Promise<string> {
  const identity = [
    '-c',
    'user.name=test',
    '-c',
    'user.email=test@localhost',
    '-c',
    'core.hooksPath=/dev/null',
  ];
  await git(folder, 'init', '--quiet', '--initial-branch=main');
  await git(folder, 'add', '.');
  await git(folder, ...identity, 'commit', '--quiet', '--allow-empty', '-m', `commit ${++commits}`);
  return git(folder, 'rev-parse', 'HEAD');
}

test('without origin/main, or if HEAD is its last commit, it is the commit before HEAD', async () => {
  const first = await commit();
  const second = await commit();
  expect(await findPrevious(undefined, folder)).toEqual({ commit: first });
  await git(folder, 'update-ref', 'refs/remotes/origin/main', second);
  expect(await findPrevious(undefined, folder)).toEqual({ commit: first });
});

test('on a branch it is the merge base with origin/main', async () => {
  const shared = await commit();
  await commit();
  const own = await commit();
  await git(folder, 'checkout', '--quiet', '--detach', shared);
  const theirs = await commit();
  await git(folder, 'update-ref', 'refs/remotes/origin/main', theirs);
  await git(folder, 'checkout', '--quiet', '--detach', own);
  expect(await findPrevious(undefined, folder)).toEqual({ commit: shared });
});

test('without an earlier commit it gives the reason: no git, one commit, a shallow clone', async () => {
  expect(await findPrevious(undefined, folder)).toEqual({
    why: expect.stringContaining('no git history') as string,
  });
  await commit();
  expect(await findPrevious(undefined, folder)).toEqual({
    why: expect.stringContaining('only one commit') as string,
  });
  await commit();
  const shallow = join(root, 'shallow');
  await git(root, 'clone', '--quiet', '--depth=1', pathToFileURL(folder).href, shallow);
  expect(await findPrevious(undefined, shallow)).toEqual({
    why: expect.stringContaining('git fetch --unshallow') as string,
  });
});

test('a new migration may be applied, an edited one only if no release has it, and a released one must fail', async () => {
  write('0001_one.sql', 'select 1;');
  write('0002_two.sql', 'select 2;');
  const first = await commit();
  write('0003_three.sql', 'select 3;');
  await commit();
  expect(await findPrevious(undefined, folder)).toEqual({ commit: first });
  write('0002_two.sql', 'select 22;');
  expect(await findPrevious(undefined, folder)).toEqual({
    why: expect.stringMatching(/^0002_two\.sql changed since/) as string,
  });
  release(2);
  expect(await findPrevious(undefined, folder)).toEqual({ commit: first });
});

test('a commit can be named, and git must know it', async () => {
  const first = await commit();
  await commit();
  await commit();
  expect(await commitOf('HEAD~2', folder)).toBe(first);
  expect(await findPrevious(first, folder)).toEqual({ commit: first });
  expect(await commitOf('nowhere', folder)).toBeUndefined();
  expect(await commitOf('--help', folder)).toBeUndefined();
});
