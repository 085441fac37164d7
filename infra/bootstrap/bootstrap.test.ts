import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { installProblem, satisfies } from './install.mjs';
import { packageManagers } from './package-managers.mjs';
import { checkPlatform } from './platform.mjs';
import { repositoryRoot } from './runtime.mjs';
import { folderShutToOthers } from './shut-folders.mjs';
import { fail, SetupError } from './steps.mjs';
import { ensureRedis, findProgram, lookForPrograms, tryFaketime } from './system-packages.mjs';
import { countTests, failures, verdict } from './test-reports.mjs';

describe('the platform check', () => {
  const machine = { platform: 'linux', arch: 'x64', nodeVersion: '20.20.2', musl: false };
  const check = (change: Partial<typeof machine>) => () =>
    checkPlatform(undefined, { ...machine, ...change });

  test('accepts the platforms with packages of Postgres and Node', () => {
    expect(check({})).not.toThrow();
    expect(check({ platform: 'darwin', arch: 'arm64' })).not.toThrow();
  });

  test('refuses others, musl and old Nodes, each with a remedy', () => {
    expect(check({ platform: 'win32' })).toThrow('win32-x64 is not supported');
    expect(check({ arch: 'ia32' })).toThrow('linux-ia32 is not supported');
    expect(check({ musl: true })).toThrow('uses musl');
    expect(check({ nodeVersion: '18.19.0' })).toThrow('Node 18.19.0 is too old');
    for (const change of [{ platform: 'win32' }, { musl: true }, { nodeVersion: '18.19.0' }]) {
      expect(check(change)).toThrow(
        expect.objectContaining({ remedy: expect.stringMatching(/\w/) as string }),
      );
    }
  });
});

describe('what is installed', () => {
  const lock = {
    packages: {
      '': {},
      'libs/cache': { version: '0.0.0' },
      'node_modules/pg': { version: '8.23.1', integrity: 'sha512-a' },
      'node_modules/for-other-platforms': { version: '1.0.0', integrity: 'sha512-b', optional: true },
    },
  };
  const installed = (packages: Record<string, object>) => ({ packages });

  test('satisfies the lockfile without the optional packages of other platforms, and with additional packages', () => {
    const pg = { version: '8.23.1', integrity: 'sha512-a' };
    expect(satisfies(lock, installed({ 'node_modules/pg': pg, 'node_modules/more': {} }))).toBe(true);
  });

  test('does not satisfy the lockfile if a package is missing, older or different', () => {
    expect(satisfies(lock, installed({}))).toBe(false);
    expect(
      satisfies(lock, installed({ 'node_modules/pg': { version: '8.0.0', integrity: 'sha512-a' } })),
    ).toBe(false);
    expect(
      satisfies(lock, installed({ 'node_modules/pg': { version: '8.23.1', integrity: 'sha512-c' } })),
    ).toBe(false);
  });
});

describe('an install', () => {
  test('that fails names the exit code, and one without the pinned Node names the cause', () => {
    expect(installProblem(0, true)).toBeUndefined();
    expect(installProblem(7, false)?.message).toContain('npm ci failed (exit code 7)');
    expect(installProblem(0, false)?.message).toContain('its install script did not run');
    expect(installProblem(0, false)?.remedy).toContain('npm_config_ignore_scripts=false npm start');
  });
});

describe('the count of a test run', () => {
  const stage = (name: string, passed: boolean) => ({ name, passed });
  const repositoryFile = (name: string) => join(repositoryRoot, name);

  test('each failed test is named with its reason, and so is a file that failed before its first test', () => {
    const result = (status: string, fullName: string) => ({ status, fullName, failureMessages: ['why'] });
    const reports = [
      {
        numPassedTests: 2,
        testResults: [
          { name: repositoryFile('a.test.ts'), status: 'failed', message: 'no import', assertionResults: [] },
          {
            name: repositoryFile('b.test.ts'),
            status: 'failed',
            message: '',
            assertionResults: [result('failed', 'breaks'), result('passed', 'works')],
          },
        ],
      },
      {
        numPassedTests: 1,
        testResults: [
          {
            name: repositoryFile('c.test.ts'),
            status: 'passed',
            message: '',
            assertionResults: [result('passed', 'works')],
          },
        ],
      },
    ];
    expect(failures(reports)).toEqual([
      { file: 'a.test.ts', test: 'before its first test', why: 'no import' },
      { file: 'b.test.ts', test: 'breaks', why: 'why' },
    ]);
    expect(countTests(reports)).toEqual({ passed: 3, failed: 2 });
  });

  test('a failed check counts, and so does a test run that fails without a failed test', () => {
    expect(verdict([stage('lint', true), stage('tests', true)], { passed: 9, failed: 0 })).toEqual({
      passed: 9,
      failed: 0,
    });
    expect(verdict([stage('lint', false), stage('tests', true)], { passed: 9, failed: 0 })).toEqual({
      passed: 9,
      failed: 1,
    });
    expect(verdict([stage('lint', true), stage('tests', false)], { passed: 9, failed: 0 })).toEqual({
      passed: 9,
      failed: 1,
    });
    expect(verdict([stage('lint', true), stage('tests', false)], { passed: 9, failed: 2 })).toEqual({
      passed: 9,
      failed: 2,
    });
  });
});

describe('a program', () => {
  test('is found on PATH, by its absolute path, or not at all', () => {
    expect(findProgram('sh')).toMatch(/\/sh$/);
    expect(findProgram('/bin/sh')).toBe('/bin/sh');
    expect(findProgram('no-such-program-anywhere')).toBeUndefined();
  });
});

describe('Redis', () => {
  const bin = mkdtempSync(join(tmpdir(), 'programs-'));
  afterEach(() => rmSync(bin, { recursive: true, force: true }));
  const program = (name: string, script: string) => {
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  };
  const server = (version: string) => `echo 'Redis server v=${version} sha=00000000:0 malloc=libc bits=64'`;
  const printed = () => vi.spyOn(console, 'log').mockReturnValue();

  /** A machine whose only programs are the scripts in `bin`, including its package manager. */
  const machine = (root = true) => ({
    find: (name: string) => (existsSync(join(bin, name)) ? join(bin, name) : undefined),
    managers: [
      {
        program: 'apt-get',
        needsRoot: true,
        install: {
          Redis: [
            ['apt-get', 'update'],
            ['apt-get', 'install', '-y', 'redis-server'],
          ],
          Chromium: [],
          libfaketime: [['apt-get', 'install', '-y', 'faketime']],
        },
        async install_quietly(commands: string[][], _prefix: string[], run: Run) {
          for (const [, ...args] of commands) await run([join(bin, 'apt-get'), ...args], { TO: bin });
        },
      },
    ],
    asRoot: () => (root ? [] : undefined),
  });
  type Run = (command: string[], env: NodeJS.ProcessEnv) => Promise<number>;
  const refused = async (where: ReturnType<typeof machine>) => {
    const log = printed();
    try {
      return await ensureRedis(() => {}, where).then(
        (file) => Promise.reject(new Error(`it took ${file}`)),
        (error: unknown) => error as SetupError,
      );
    } finally {
      log.mockRestore();
    }
  };

  test('the doctor says what is there, and what to type for the rest, and installs nothing', () => {
    program('redis-server', server('7.2.4'));
    program('apt-get', 'echo installed > "$TO/installed"');
    const found = lookForPrograms(machine());
    expect(found).toContainEqual(
      expect.objectContaining({ name: 'Redis', found: join(bin, 'redis-server') }),
    );
    expect(found).toContainEqual({
      name: 'libfaketime',
      found: undefined,
      neededFor: 'row 38 of npm run faults',
      remedy: 'Type: sudo apt-get install -y faketime',
    });
    expect(existsSync(join(bin, 'installed'))).toBe(false);
  });

  test('is found under either name if it is new enough', async () => {
    program('redis-server', server('6.2.14'));
    program('valkey-server', server('8.0.1').replace('Redis', 'Valkey'));
    const notes: string[] = [];
    expect(await ensureRedis((text) => notes.push(text), machine())).toBe(join(bin, 'valkey-server'));
    expect(notes).toEqual([`found ${join(bin, 'valkey-server')}`]);
  });

  test('that is missing and cannot be installed is reported with the command to type', async () => {
    program('apt-get', 'exit 0');
    const { message, remedy } = await refused(machine(false));
    expect(message).toBe('Redis is needed and was not found.');
    expect(remedy).toMatch(
      /^Type: sudo apt-get update && sudo apt-get install -y redis-server\nOr set CACHE_REDIS_URL and STATE_REDIS_URL/,
    );
  });

  test('that is missing on a system with an unknown package manager is reported without a command', async () => {
    const { message, remedy } = await refused(machine());
    expect(message).toBe('Redis is needed and was not found.');
    expect(remedy).toMatch(/^Install Redis with your system's package manager\./);
  });

  test('is installed if that needs no answer from a person', async () => {
    program('apt-get', '[ $1 = update ] || cp $TO/packaged $TO/$3');
    program('packaged', server('7.0.15'));
    const log = printed();
    expect(await ensureRedis(() => {}, machine())).toBe(join(bin, 'redis-server'));
    log.mockRestore();
  });

  test('that the system only has in an old version is reported with the source of a newer one', async () => {
    program('apt-get', '[ $1 = update ] || cp $TO/packaged $TO/$3');
    program('packaged', server('6.0.16'));
    const { message, remedy } = await refused(machine());
    expect(message).toBe(`Redis 7 or newer is needed; ${join(bin, 'redis-server')} is 6.0.16.`);
    expect(remedy).toMatch(/^Newer ones, for every system: https:/);
    expect(remedy).not.toContain('apt-get');
  });

  test('that could not be installed is reported with the command to type', async () => {
    program('apt-get', 'exit 100');
    const { message, remedy } = await refused(machine());
    expect(message).toBe('Redis is needed and was not found.');
    expect(remedy).toContain('Type: sudo apt-get update && ');
  });
});

describe('libfaketime', () => {
  test('that cannot be installed is no error: the note says that a row is skipped, and what to type', async () => {
    const notes: string[] = [];
    const manager = packageManagers.find(({ program }) => program === 'apt-get');
    await tryFaketime((text) => notes.push(text), {
      find: (name) => (name === 'apt-get' ? '/usr/bin/apt-get' : undefined),
      managers: manager ? [manager] : [],
      asRoot: () => undefined,
    });
    expect(notes).toEqual([
      'not found, so row 38 is skipped. Type: sudo apt-get update && sudo apt-get install -y --no-install-recommends faketime',
    ]);
  });
});

describe('a folder that other users may not enter', () => {
  const root = mkdtempSync(join(tmpdir(), 'shut-'));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  test('is found among the parent folders', () => {
    const inside = join(root, 'open/clone');
    mkdirSync(inside, { recursive: true });
    chmodSync(root, 0o700);
    expect(folderShutToOthers(inside)).toBe(root);
    chmodSync(root, 0o711);
    expect(folderShutToOthers(inside)).toBe(folderShutToOthers(tmpdir()));
  });
});

describe('a failure', () => {
  test('is printed with its remedy', () => {
    const printed = vi.spyOn(console, 'error').mockReturnValue();
    expect(fail(new SetupError('No Redis.', 'Type: apt-get install redis'))).toBe(1);
    expect(printed.mock.calls.flat().join('')).toMatch(/No Redis\.[\s\S]*Type: apt-get install redis/);
    printed.mockRestore();
  });
});
