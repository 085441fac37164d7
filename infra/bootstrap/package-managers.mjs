/** The package managers that can install without a question, and how. */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

/**
 * @typedef {string[]} Command
 * @typedef {'Redis' | 'Chromium' | 'libfaketime' | 'kubectl' | 'PgBouncer' | 'wrk' | 'nginx'} Wanted
 * @typedef {(command: string[], env: NodeJS.ProcessEnv) => Promise<number>} Run
 * @typedef {object} PackageManager
 * @property {string} program
 * @property {boolean} needsRoot
 * @property {Partial<Record<Wanted, Command[]>>} install what a person would type
 * @property {(commands: Command[], prefix: string[], run: Run) => Promise<void>} install_quietly
 */

const apt = (/** @type {string} */ name) => [
  ['apt-get', 'update'],
  ['apt-get', 'install', '-y', '--no-install-recommends', name],
];

/** @type {PackageManager[]} */
export const packageManagers = [
  {
    program: 'apt-get',
    needsRoot: true,
    install: {
      Redis: apt('redis-server'),
      Chromium: apt('chromium'),
      libfaketime: apt('faketime'),
      kubectl: apt('kubernetes-client'),
      PgBouncer: apt('pgbouncer'),
      wrk: apt('wrk'),
      nginx: apt('nginx-light'),
    },
    install_quietly: withoutStartingServices,
  },
  {
    program: 'dnf',
    needsRoot: true,
    install: {
      Redis: [['dnf', 'install', '-y', 'valkey']],
      Chromium: [['dnf', 'install', '-y', 'chromium']],
      libfaketime: [['dnf', 'install', '-y', 'libfaketime']],
      kubectl: [['dnf', 'install', '-y', 'kubernetes-client']],
      PgBouncer: [['dnf', 'install', '-y', 'pgbouncer']],
      nginx: [['dnf', 'install', '-y', 'nginx']],
    },
    install_quietly: runEach,
  },
  {
    program: 'brew',
    needsRoot: false,
    install: {
      Redis: [['brew', 'install', 'redis']],
      Chromium: [['brew', 'install', '--cask', 'chromium']],
      kubectl: [['brew', 'install', 'kubernetes-cli']],
      PgBouncer: [['brew', 'install', 'pgbouncer']],
      wrk: [['brew', 'install', 'wrk']],
      nginx: [['brew', 'install', 'nginx']],
    },
    install_quietly: runEach,
  },
];

/**
 * The prefix with which a command runs as root without a question.
 * @returns {string[] | undefined} undefined if there is no such prefix
 */
export function asRoot() {
  if (process.getuid?.() === 0) return [];
  const sudo = spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' });
  return sudo.status === 0 ? ['sudo', '-n'] : undefined;
}

/**
 * Debian starts a server when its package is installed. We prevent that, because it would hold port 6379 for nothing.
 * Debian's own switch is a policy-rc.d that exits with 101. An existing one belongs to the machine and stays.
 * @param {Command[]} commands
 * @param {string[]} prefix
 * @param {Run} run
 */
async function withoutStartingServices(commands, prefix, run) {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = prefix.length === 0 && !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    // With sudo we cannot write that file. RUNLEVEL=1 has the same effect on invoke-rc.d.
    const quiet =
      prefix.length === 0 ? [] : [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1'];
    await runEach(commands, quiet, run);
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

/**
 * Stops at the first failure. The caller then checks whether the program exists.
 * @param {Command[]} commands
 * @param {string[]} prefix
 * @param {Run} run
 */
async function runEach(commands, prefix, run) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const command of commands) {
    if ((await run([...prefix, ...command], env)) !== 0) return;
  }
}
