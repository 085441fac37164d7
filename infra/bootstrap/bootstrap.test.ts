import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { satisfies } from './install.mjs';
import { checkPlatform } from './platform.mjs';
import { folderShutToOthers } from './shut-folders.mjs';
import { fail, SetupError } from './steps.mjs';
import { findProgram } from './system-packages.mjs';
import { countTests, verdict } from './test-reports.mjs';

describe('the platform check', () => {
  const machine = { platform: 'linux', arch: 'x64', nodeVersion: '20.20.2', musl: false };
  const check = (change: Partial<typeof machine>) => () =>
    checkPlatform(undefined, { ...machine, ...change });

  test('takes the platforms for which Postgres and Node are published', () => {
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

  test('satisfies the lockfile without the optional packages of other platforms, whatever else is there', () => {
    const pg = { version: '8.23.1', integrity: 'sha512-a' };
    expect(satisfies(lock, installed({ 'node_modules/pg': pg, 'node_modules/more': {} }))).toBe(true);
  });

  test('does not satisfy it when a package is missing, older or of other content', () => {
    expect(satisfies(lock, installed({}))).toBe(false);
    expect(
      satisfies(lock, installed({ 'node_modules/pg': { version: '8.0.0', integrity: 'sha512-a' } })),
    ).toBe(false);
    expect(
      satisfies(lock, installed({ 'node_modules/pg': { version: '8.23.1', integrity: 'sha512-c' } })),
    ).toBe(false);
  });
});

describe('the count of a test run', () => {
  const stage = (name: string, passed: boolean) => ({ name, passed });

  test('a file that failed before its first test counts as one failure', () => {
    const testResults = [
      { status: 'failed', assertionResults: [] },
      { status: 'failed', assertionResults: [{}] },
      { status: 'passed', assertionResults: [{}] },
    ];
    expect(countTests({ numPassedTests: 1, numFailedTests: 1, testResults })).toEqual({
      passed: 1,
      failed: 2,
    });
  });

  test('a check that failed counts, and so does a test run that could not say why it failed', () => {
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

describe('a folder that others may not enter', () => {
  const root = mkdtempSync(join(tmpdir(), 'shut-'));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  test('is found on the way up', () => {
    const inside = join(root, 'open/clone');
    mkdirSync(inside, { recursive: true });
    chmodSync(root, 0o700);
    expect(folderShutToOthers(inside)).toBe(root);
    chmodSync(root, 0o711);
    expect(folderShutToOthers(inside)).toBe(folderShutToOthers(tmpdir()));
  });
});

describe('a failure', () => {
  test('is told with its remedy', () => {
    const printed = vi.spyOn(console, 'error').mockReturnValue();
    expect(fail(new SetupError('No Redis.', 'Type: apt-get install redis'))).toBe(1);
    expect(printed.mock.calls.flat().join('')).toMatch(/No Redis\.[\s\S]*Type: apt-get install redis/);
    printed.mockRestore();
  });
});
