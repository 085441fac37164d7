import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { git, repository } from './previous.ts';

export interface Checkout extends AsyncDisposable {
  readonly folder: string;
}

/** Another commit in a temporary folder, with the packages that are installed here. Disposing removes it. */
export async function checkOut(commit: string): Promise<Checkout> {
  const parent = await mkdtemp(join(tmpdir(), 'catalog-upgrade-'));
  const folder = join(parent, 'previous');
  const dispose = async (): Promise<void> => {
    await rm(parent, { recursive: true, force: true });
    await git(repository, 'worktree', 'prune');
  };
  try {
    // Hooks of this clone must not run for it.
    await git(
      repository,
      '-c',
      'core.hooksPath=/dev/null',
      'worktree',
      'add',
      '--quiet',
      '--detach',
      folder,
      commit,
    );
    await linkPackages(folder);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { folder, [Symbol.asyncDispose]: dispose };
}

const workspaceScope = '@catalog';

/** One link for each package. With one link to the whole folder, `@catalog/cache` would lead to the code of this checkout. */
async function linkPackages(folder: string): Promise<void> {
  const [from, to] = [join(repository, 'node_modules'), join(folder, 'node_modules')];
  await mkdir(join(to, workspaceScope), { recursive: true });
  for (const name of await readdir(from)) {
    if (name !== workspaceScope && !name.startsWith('.')) await symlink(join(from, name), join(to, name));
  }
  for (const group of ['apps', 'libs']) {
    for (const name of await readdir(join(folder, group))) {
      const own = join(folder, group, name);
      const manifest = JSON.parse(await readFile(join(own, 'package.json'), 'utf8')) as { name: string };
      await symlink(own, join(to, manifest.name));
    }
  }
}
