/**
 * Finds programs that npm has no package for, or installs them with the machine's package manager if that needs no
 * answer from a person. Otherwise the error names the command to type.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { asRoot, packageManagers } from './package-managers.mjs';
import { run, systemPath } from './runtime.mjs';
import { announce, SetupError } from './steps.mjs';

/** Some systems keep servers in these folders, which an ordinary user's PATH lacks. */
const moreFolders = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

/** Redis 7 brought the ACL rules that this project uses. Every Valkey has them. */
const oldestRedis = 7;

/** @type {Wanted} */
const redis = {
  what: 'Redis',
  programs: ['redis-server', 'valkey-server'],
  oldest: oldestRedis,
  newer:
    'Newer ones, for every system: https://redis.io/docs/latest/operate/oss_and_stack/install/ (packages.redis.io has them for Debian and Ubuntu).',
  otherwise: 'Or set CACHE_REDIS_URL and STATE_REDIS_URL to servers of your own (npm start only).',
};

/** @type {Wanted} */
const chromium = {
  what: 'Chromium',
  programs: [
    'chromium',
    'chromium-browser',
    'google-chrome-stable',
    'google-chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ],
};

/**
 * @typedef {object} Wanted
 * @property {import('./package-managers.mjs').Wanted} what
 * @property {string[]} programs
 * @property {number} [oldest] the oldest major version that works
 * @property {string} [newer] where to get a newer version
 * @property {string} [otherwise] what to do instead of an installation
 *
 * @typedef {object} Machine
 * @property {(name: string) => string | undefined} find the path of a program
 * @property {import('./package-managers.mjs').PackageManager[]} managers
 * @property {() => string[] | undefined} asRoot
 */

/** @type {Machine} */
const thisMachine = { find: findProgram, managers: packageManagers, asRoot };

/**
 * @param {(text: string) => void} note
 * @param {Machine} [machine]
 */
export function ensureRedis(note, machine = thisMachine) {
  return ensureProgram(redis, note, machine);
}

/**
 * @param {(text: string) => void} note
 * @param {Machine} [machine]
 */
export function ensureChromium(note, machine = thisMachine) {
  return ensureProgram(chromium, note, machine);
}

/**
 * A test builds the Kubernetes manifests with it.
 * @param {(text: string) => void} note
 * @param {Machine} [machine]
 */
export function ensureKubectl(note, machine = thisMachine) {
  return ensureProgram({ what: 'kubectl', programs: ['kubectl'] }, note, machine);
}

/**
 * Tests of the database start it in front of Postgres.
 * @param {(text: string) => void} note
 * @param {Machine} [machine]
 */
export function ensurePgBouncer(note, machine = thisMachine) {
  return ensureProgram({ what: 'PgBouncer', programs: ['pgbouncer'] }, note, machine);
}

/**
 * One row of the fault suite needs it. Without it that row is skipped, so its absence is no error.
 * @param {(text: string) => void} note
 * @param {Machine} [machine]
 */
export function tryFaketime(note, machine = thisMachine) {
  return tryProgram({ what: 'libfaketime', programs: ['faketime'] }, 'row 38 is skipped', note, machine);
}

/**
 * The load generator of the benchmark. Without it Node generates the load, and most rounds do not count.
 * @param {(text: string) => void} note
 * @param {Machine} [machine]
 */
export function tryWrk(note, machine = thisMachine) {
  return tryProgram({ what: 'wrk', programs: ['wrk'] }, 'Node generates the load', note, machine);
}

/**
 * One of the servers that the benchmark compares with.
 * @param {(text: string) => void} note
 * @param {Machine} [machine]
 */
export function tryNginx(note, machine = thisMachine) {
  return tryProgram({ what: 'nginx', programs: ['nginx'] }, 'it is not measured', note, machine);
}

/**
 * What the machine has, without installing anything.
 * @param {Machine} [machine]
 * @returns {{ name: string, found: string | undefined, neededFor: string, remedy: string }[]}
 */
export function lookForPrograms(machine = thisMachine) {
  /** @type {[Wanted, string][]} */
  const known = [
    [redis, 'everything'],
    [chromium, 'tests of the console, and npm run screenshots'],
    [{ what: 'kubectl', programs: ['kubectl'] }, 'npm test'],
    [{ what: 'PgBouncer', programs: ['pgbouncer'] }, 'npm test'],
    [{ what: 'libfaketime', programs: ['faketime'] }, 'row 38 of npm run faults'],
    [{ what: 'wrk', programs: ['wrk'] }, 'npm run bench'],
    [{ what: 'nginx', programs: ['nginx'] }, 'npm run bench'],
  ];
  return known.map(([wanted, neededFor]) => {
    const { usable, tooOld } = look(wanted, machine);
    const { remedy } = missing(wanted, tooOld, typedFor(wanted, machine).typed);
    return { name: wanted.what, found: usable, neededFor, remedy };
  });
}

/**
 * @param {Wanted} wanted
 * @param {string} consequence of its absence
 * @param {(text: string) => void} note
 * @param {Machine} machine
 */
async function tryProgram(wanted, consequence, note, machine) {
  try {
    await ensureProgram(wanted, note, machine);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    note(`not found, so ${consequence}. ${error.remedy}`);
  }
}

/**
 * @param {Wanted} wanted
 * @param {(text: string) => void} note
 * @param {Machine} machine
 * @returns {Promise<string>} the path of the program
 */
async function ensureProgram(wanted, note, machine) {
  const { what } = wanted;
  const before = look(wanted, machine);
  if (before.usable) {
    note(`found ${before.usable}`);
    return before.usable;
  }
  const { manager, commands, typed } = typedFor(wanted, machine);
  const prefix = manager?.needsRoot ? machine.asRoot() : [];
  if (!manager || !typed || !prefix) throw missing(wanted, before.tooOld, typed);
  announce(`installing ${what} with ${manager.program}`);
  await manager.install_quietly(commands, prefix, run);
  // Look again: many systems package a Redis that is too old.
  const after = look(wanted, machine);
  if (!after.usable) throw missing(wanted, after.tooOld, after.tooOld.length === 0 ? typed : '');
  note(`installed ${after.usable} with ${manager.program}`);
  return after.usable;
}

/**
 * @param {Wanted} wanted
 * @param {Machine} machine
 */
function typedFor({ what }, machine) {
  const manager = machine.managers.find(({ program }) => machine.find(program));
  const commands = manager?.install[what] ?? [];
  const typed = commands
    .map((command) => `${manager?.needsRoot ? 'sudo ' : ''}${command.join(' ')}`)
    .join(' && ');
  return { manager, commands, typed };
}

/**
 * @param {Wanted} wanted
 * @param {Machine} machine
 */
function look({ programs, oldest }, { find }) {
  const found = programs.flatMap((name) => find(name) ?? []);
  if (oldest === undefined) return { usable: found[0], tooOld: [] };
  const versions = found.map((file) => ({ file, version: versionOf(file) }));
  return {
    usable: versions.find(({ version }) => Number.parseInt(version, 10) >= oldest)?.file,
    tooOld: versions.map(({ file, version }) => `${file} is ${version || 'of an unknown version'}`),
  };
}

/**
 * @param {Wanted} wanted
 * @param {string[]} tooOld the programs found that are too old
 * @param {string} typed the command that installs it, if one is known
 */
function missing({ what, oldest, newer, otherwise }, tooOld, typed) {
  const remedy = [
    typed ? `Type: ${typed}` : tooOld.length === 0 && `Install ${what} with your system's package manager.`,
    tooOld.length > 0 && newer,
    otherwise,
  ];
  const problem =
    tooOld.length === 0
      ? `${what} is needed and was not found.`
      : `${what} ${oldest} or newer is needed; ${tooOld.join(', ')}.`;
  return new SetupError(problem, remedy.filter(Boolean).join('\n'));
}

/**
 * @param {string} name a name to look for on PATH, or an absolute path
 * @returns {string | undefined}
 */
export function findProgram(name) {
  if (name.startsWith('/')) return isExecutable(name) ? name : undefined;
  const folders = [...systemPath().split(delimiter), ...moreFolders];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Redis and Valkey both print `… server v=7.2.4 sha=…`.
 * @param {string} file
 */
function versionOf(file) {
  const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8' });
  return /v=(\d[\d.]*)/.exec(stdout ?? '')?.[1] ?? '';
}
