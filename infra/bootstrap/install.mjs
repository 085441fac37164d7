/** Installs the npm packages, but only if the installed ones differ from the lockfile. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pinnedNode, repositoryRoot, run, systemPath } from './runtime.mjs';
import { announce, SetupError } from './steps.mjs';

const lockfile = join(repositoryRoot, 'package-lock.json');
/** npm's record of its installation. npm writes it last, so it is missing after an interrupted install. */
const installedRecord = join(repositoryRoot, 'node_modules/.package-lock.json');
const stamp = join(repositoryRoot, 'node_modules/.lockfile-hash');

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean }} Package
 * @typedef {{ packages: Record<string, Package> }} Lockfile
 */

/** Whether everything that the commands need is installed, even if in another version. */
export const isInstalled = () => existsSync(pinnedNode) && existsSync(installedRecord);

/** @param {(text: string) => void} note */
export async function ensureInstalled(note) {
  const text = readFileSync(lockfile, 'utf8');
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${text}`).digest('hex');
  const complete = isInstalled();
  if (complete && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) {
    return note('already installed');
  }
  if (complete && satisfies(parse(text), parse(readFileSync(installedRecord, 'utf8')))) {
    writeFileSync(stamp, hash);
    return note('already installed');
  }
  announce('installing the npm packages');
  const registry = await registryAnswers();
  // Without the registry npm would try for minutes. So it installs from its cache, which may hold everything.
  const problem = installProblem(
    await npmCi(registry ? [] : ['--offline']),
    existsSync(pinnedNode),
    registry,
  );
  if (problem) throw problem;
  writeFileSync(stamp, hash);
  return note('installed from the lockfile');
}

/**
 * @param {number} code of npm ci
 * @param {boolean} nodeIsThere whether the pinned Node exists; a script of its package puts it there
 * @param {boolean} [registryAnswered]
 * @returns {SetupError | undefined}
 */
export function installProblem(code, nodeIsThere, registryAnswered = true) {
  if (code !== 0 && !registryAnswered) {
    return new SetupError(
      'The npm registry cannot be reached, and the npm cache of this machine does not hold all packages.',
      'Check the network, and a proxy (npm config get registry https-proxy), then type: npm start',
    );
  }
  if (code !== 0) {
    return new SetupError(
      `npm ci failed (exit code ${code}). Its output is above.`,
      'Often the npm registry cannot be reached, or the disk is full. Correct that, then type: npm start',
    );
  }
  if (!nodeIsThere) {
    return new SetupError(
      'npm installed the packages, but not the pinned Node, because its install script did not run.',
      'Often npm is configured to run no scripts (npm config get ignore-scripts). For one run: npm_config_ignore_scripts=false npm start',
    );
  }
  return undefined;
}

/** @param {string[]} more arguments */
function npmCi(more) {
  return run([...npm(), 'ci', '--no-audit', '--no-fund', '--loglevel=error', ...more], npmEnvironment());
}

/** npm must run on the Node that started it, because it may replace the pinned one. */
function npm() {
  const { npm_execpath: script, npm_node_execpath: node } = process.env;
  return script && node && !node.startsWith(repositoryRoot) ? [node, script] : ['npm'];
}

const npmEnvironment = () => ({ ...process.env, PATH: systemPath() });

/** Asked by npm itself, with its proxy and its certificates. An answer of any kind is enough. */
const registryPatience_ms = 10_000;

/** @returns {Promise<boolean>} false if the network, a proxy or the registry does not answer in time */
function registryAnswers() {
  const [file = '', ...args] = npm();
  const asking = spawn(file, [...args, 'ping', '--fetch-retries=0', '--loglevel=error'], {
    cwd: repositoryRoot,
    env: npmEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  asking.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const timer = setTimeout(() => asking.kill('SIGKILL'), registryPatience_ms);
  return new Promise((resolve) => {
    asking.on('error', () => resolve(true));
    asking.on('close', (code, signal) => {
      clearTimeout(timer);
      // A registry without this route answers E404.
      resolve(signal === null && (code === 0 || /\bE\d{3}\b/.test(said)));
    });
  });
}

/**
 * Whether the installed packages match the lockfile, for instance after a plain `npm install`. Optional packages may be
 * missing, because they are for other platforms.
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
