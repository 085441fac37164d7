/** Builds the pages of the console, but only if their sources have changed since. Nx keeps what it has built. */
import { spawnSync } from 'node:child_process';
import { pinnedEnvironment, repositoryRoot } from './runtime.mjs';
import { SetupError } from './steps.mjs';

/** @param {(text: string) => void} note */
export function ensureConsoleBuilt(note) {
  const { status, stdout, stderr, error } = spawnSync('nx', ['run', '@catalog/console:build'], {
    cwd: repositoryRoot,
    env: pinnedEnvironment(),
    encoding: 'utf8',
  });
  if (error !== undefined || status !== 0) {
    throw new SetupError(
      `The console cannot be built:\n${error?.message ?? stdout + stderr}`,
      'Correct what is named above, then type: npm start',
    );
  }
  note(/existing outputs match|local cache/.test(stdout) ? 'its pages are already built' : 'built its pages');
}
