/** Installs the npm packages, but only when what is installed is not what the lockfile says. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pinnedNode, repositoryRoot, run, systemPath } from './runtime.mjs';
import { announce, SetupError } from './steps.mjs';

const lockfile = join(repositoryRoot, 'package-lock.json');
/** npm's own record of what it installed. It is written last, so it is missing after an interrupted install. */
const installedRecord = join(repositoryRoot, 'node_modules/.package-lock.json');
const stamp = join(repositoryRoot, 'node_modules/.lockfile-hash');

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean }} Package
 * @typedef {{ packages: Record<string, Package> }} Lockfile
 */

/** @param {(text: string) => void} note */
export async function ensureInstalled(note) {
  const text = readFileSync(lockfile, 'utf8');
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${text}`).digest('hex');
  const complete = existsSync(pinnedNode) && existsSync(installedRecord);
  if (complete && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) {
    return note('already installed');
  }
  if (complete && satisfies(parse(text), parse(readFileSync(installedRecord, 'utf8')))) {
    writeFileSync(stamp, hash);
    return note('already installed');
  }
  announce('installing the npm packages');
  const problem = installProblem(await npmCi(), existsSync(pinnedNode));
  if (problem) throw problem;
  writeFileSync(stamp, hash);
  return note('installed from the lockfile');
}

/**
 * @param {number} code of npm ci
 * @param {boolean} nodeIsThere whether the pinned Node is in place, which a script of its package puts there
 * @returns {SetupError | undefined}
 */
export function installProblem(code, nodeIsThere) {
  if (code !== 0) {
    return new SetupError(
      `npm ci failed (exit code ${code}); its own words are above.`,
      'Most often the npm registry was not reached, or the disk is full. Then: npm start',
    );
  }
  if (!nodeIsThere) {
    return new SetupError(
      'npm installed the packages, but not the Node that is among them: its install script did not run.',
      'Most often npm is told to run none (npm config get ignore-scripts). For this once: npm_config_ignore_scripts=false npm start',
    );
  }
  return undefined;
}

/** npm runs on the Node that started it: the pinned one is about to be replaced. */
function npmCi() {
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const env = { ...process.env, PATH: systemPath() };
  const { npm_execpath: npm, npm_node_execpath: node } = process.env;
  if (npm && node && !node.startsWith(repositoryRoot)) return run([node, npm, ...args], env);
  return run(['npm', ...args], env);
}

/**
 * Whether what npm recorded covers the lockfile, as it does after a plain `npm install` too. Optional
 * packages may be missing: they are for other platforms.
 * @param {Lockfile} lock
 * @param {Lockfile} installed
 */
export function satisfies(lock, installed) {
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (!path.includes('node_modules/')) return true;
    const found = installed.packages[path];
    if (!found) return wanted.optional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

/**
 * @param {string} text
 * @returns {Lockfile}
 */
function parse(text) {
  return /** @type {Lockfile} */ (JSON.parse(text));
}
