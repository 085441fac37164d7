/**
 * Postgres refuses to run as root, so root's stack and tests run it as another user. That user cannot reach a clone
 * below a folder that only root may enter, such as root's home or a `mktemp -d`. Root can pass on the one capability that
 * opens the way, without opening the folder to everyone.
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { repositoryRoot } from './runtime.mjs';
import { SetupError } from './steps.mjs';
import { findProgram } from './system-packages.mjs';

/** @returns {string[]} the prefix of the command; empty unless root runs in a folder that is closed to others */
export function throughShutFolders() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return [];
  const shut = folderShutToOthers(repositoryRoot);
  if (shut === undefined) return [];
  const setpriv = findProgram('setpriv');
  if (!setpriv) {
    throw new SetupError(
      `Only root may enter ${shut}, but Postgres has to run as another user.`,
      `Move the clone to a folder that other users may enter, or type: chmod o+x ${shut}`,
    );
  }
  const pass = '+dac_override';
  // A change of user normally clears ambient capabilities. no_setuid_fixup prevents that.
  return [setpriv, `--inh-caps=${pass}`, `--ambient-caps=${pass}`, '--securebits=+no_setuid_fixup'];
}

/**
 * @param {string} folder
 * @returns {string | undefined} the first folder on the way up that others may not enter
 */
export function folderShutToOthers(folder) {
  if ((statSync(folder).mode & 0o001) === 0) return folder;
  const parent = dirname(folder);
  return parent === folder ? undefined : folderShutToOthers(parent);
}
