/**
 * Programs that npm has no package for: found on this machine, or installed by its package manager where
 * that asks no question, else the command to type is named.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { asRoot, packageManagers } from './package-managers.mjs';
import { run, systemPath } from './runtime.mjs';
import { announce, SetupError } from './steps.mjs';

/** Folders that hold servers on some systems although the PATH of an ordinary user lacks them. */
const moreFolders = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

/** ACL rules for commands and channels as this project writes them came with Redis 7; Valkey began after it. */
const oldestRedis = 7;

/** @param {(text: string) => void} note */
export async function ensureRedis(note) {
  /** @type {Wanted} */
  const wanted = {
    what: 'Redis',
    programs: ['redis-server', 'valkey-server'],
    usable: isRecentRedis,
    otherwise: 'Or set CACHE_REDIS_URL and STATE_REDIS_URL to servers of your own (npm start only).',
  };
  return ensureProgram(wanted, note);
}

/** @param {(text: string) => void} note */
export async function ensureChromium(note) {
  /** @type {Wanted} */
  const wanted = {
    what: 'Chromium',
    programs: [
      'chromium',
      'chromium-browser',
      'google-chrome-stable',
      'google-chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ],
    usable: () => true,
    otherwise: '',
  };
  return ensureProgram(wanted, note);
}

/**
 * @typedef {{ what: 'Redis' | 'Chromium', programs: string[], usable: (file: string) => boolean, otherwise: string }} Wanted
 * @param {Wanted} wanted
 * @param {(text: string) => void} note
 * @returns {Promise<string>} the path of the program
 */
async function ensureProgram({ what, programs, usable, otherwise }, note) {
  const candidates = () => programs.map(findProgram).filter((file) => file !== undefined);
  const found = candidates().find(usable);
  if (found) {
    note(`found ${found}`);
    return found;
  }
  const manager = packageManagers.find(({ program }) => findProgram(program));
  const commands = manager?.install[what] ?? [];
  const typed = commands
    .map((command) => `${manager?.needsRoot ? 'sudo ' : ''}${command.join(' ')}`)
    .join(' && ');
  const tooOld =
    candidates().length > 0 ? ` (${candidates().join(', ')} is older than ${oldestRedis}.0)` : '';
  const remedy = [
    typed ? `Type: ${typed}` : `Install ${what} with your system's package manager.`,
    otherwise,
  ];
  const problem = new SetupError(
    `${what} is needed and was not found${tooOld}.`,
    remedy.filter(Boolean).join('\n'),
  );
  const prefix = manager?.needsRoot ? asRoot() : [];
  if (!manager || !typed || !prefix) throw problem;
  announce(`installing ${what} with ${manager.program}`);
  await manager.install_quietly(commands, prefix, run);
  const installed = candidates().find(usable);
  if (!installed) throw problem;
  note(`installed ${installed} with ${manager.program}`);
  return installed;
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

/** @param {string} file */
function isRecentRedis(file) {
  const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8' });
  const major = /v=(\d+)\./.exec(stdout ?? '')?.[1];
  return major !== undefined && Number(major) >= oldestRedis;
}
