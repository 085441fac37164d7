/** Finds the commit whose services the new ones replace. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

export const repository = resolve(import.meta.dirname, '../../../..');
const migrations = 'libs/database/migrations';

export type Previous =
  | { readonly commit: string }
  /** The reason why there is no such commit, and what to do. */
  | { readonly why: string };

/** @throws when git fails */
export async function git(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('git', args, { cwd: folder });
  return stdout.trim();
}

const gitOrNothing = (folder: string, ...args: string[]): Promise<string | undefined> =>
  git(folder, ...args).catch(() => undefined);

/** @returns undefined if git knows no such commit */
export const commitOf = (name: string, folder = repository): Promise<string | undefined> =>
  gitOrNothing(folder, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`);

/** The default is the merge base with origin/main, or the commit before HEAD if the merge base is HEAD. */
export async function findPrevious(named?: string, folder = repository): Promise<Previous> {
  const head = await commitOf('HEAD', folder);
  if (head === undefined) return { why: 'the folder has no git history. Clone the repository' };
  const commit = named ?? (await defaultCommit(head, folder));
  if (commit === undefined) {
    const isShallow = (await gitOrNothing(folder, 'rev-parse', '--is-shallow-repository')) === 'true';
    return {
      why: isShallow
        ? 'the clone is shallow and has only the last commit. Fetch the others: git fetch --unshallow'
        : 'there is only one commit, so there is nothing to upgrade from',
    };
  }
  const edited = await editedMigrations(commit, folder);
  if (edited.length === 0) return { commit };
  return {
    why:
      `${edited.join(', ')} changed since ${commit.slice(0, 8)}, so its database cannot be migrated. No release has these files, so ` +
      'that is allowed. Name a later commit: --from',
  };
}

async function defaultCommit(head: string, folder: string): Promise<string | undefined> {
  const shared = await gitOrNothing(folder, 'merge-base', head, 'origin/main');
  return shared === undefined || shared === head ? commitOf(`${head}~1`, folder) : shared;
}

/** Unreleased migrations that differ from those of the commit. Released ones never change, so a difference there must fail. */
async function editedMigrations(commit: string, folder: string): Promise<string[]> {
  const text = await readFile(join(folder, migrations, 'released.json'), 'utf8');
  const { released } = JSON.parse(text) as { released: number };
  const changed = await git(
    folder,
    'diff',
    '--name-only',
    // No added ones: the new code applies them.
    '--diff-filter=a',
    '--no-renames',
    commit,
    '--',
    `${migrations}/*.sql`,
  );
  return changed
    .split('\n')
    .map((path) => path.slice(migrations.length + 1))
    .filter((name) => name !== '' && Number.parseInt(name, 10) > released);
}
