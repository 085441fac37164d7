/** Runs scripts on the pinned Node. It is an npm dependency, so the lockfile decides its version. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { SetupError } from './steps.mjs';

export const repositoryRoot = resolve(import.meta.dirname, '../..');
const binaries = join(repositoryRoot, 'node_modules/.bin');
export const pinnedNode = join(repositoryRoot, 'node_modules/node/bin/node');

/** PATH without the folders that npm puts in front, because npm itself must run on the machine's Node. */
export function systemPath() {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .join(delimiter);
}

/**
 * An environment whose PATH begins with the installed binaries.
 * @param {Record<string, string>} [extra]
 * @returns {NodeJS.ProcessEnv}
 */
export function pinnedEnvironment(extra = {}) {
  return {
    ...process.env,
    PATH: [binaries, systemPath()].join(delimiter),
    NX_DAEMON: 'false',
    ...extra,
  };
}

/**
 * Runs a script on the pinned Node and waits for its end. It passes signals on, because a `kill` reaches only this process.
 * The terminal sends Ctrl-C to the child too, which then gets it twice and ignores the second one. The IPC channel tells
 * the child when this process dies.
 * @param {string[]} args
 * @param {Record<string, string>} [extra] environment
 * @param {string[]} [prefix] a command that starts Node, such as `setpriv …`
 * @returns {Promise<number>} the exit code
 */
export function runPinned(args, extra, prefix = []) {
  if (!existsSync(pinnedNode)) {
    throw new SetupError('The packages are not installed yet.', 'Type: npm start');
  }
  const [file = '', ...rest] = [...prefix, pinnedNode, ...args];
  const child = spawn(file, rest, {
    cwd: repositoryRoot,
    env: pinnedEnvironment(extra),
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  const passOn = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
  process.on('SIGINT', passOn).on('SIGTERM', passOn).on('SIGHUP', passOn);
  return new Promise((resolveExit, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      process.off('SIGINT', passOn).off('SIGTERM', passOn).off('SIGHUP', passOn);
      resolveExit(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

/**
 * Runs a program to its end. Its output goes to the terminal.
 * @param {string[]} command the program and its arguments
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} the exit code
 */
export function run(command, env) {
  const [file = '', ...args] = command;
  return new Promise((resolveExit, reject) => {
    const child = spawn(file, args, { cwd: repositoryRoot, env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('exit', (code) => resolveExit(code ?? 1));
  });
}
