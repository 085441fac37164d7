/** `npm run reset`: wipes what one stack keeps on disk. */
import { rm, stat } from 'node:fs/promises';
import { clearLeftovers, requireNotRunning } from './machine/run-file.ts';
import type { StackFolder } from './machine/stack-folder.ts';

/** @throws StackProblem while the stack runs */
export async function resetStack(folder: StackFolder, say: (line: string) => void): Promise<void> {
  try {
    await stat(folder.path);
  } catch {
    say(`nothing to wipe: there is no ${folder.path}`);
    return;
  }
  await requireNotRunning(folder.runFile);
  await clearLeftovers(folder.runFile, say);
  await rm(folder.path, { recursive: true, force: true });
  say(`wiped ${folder.path}`);
}
