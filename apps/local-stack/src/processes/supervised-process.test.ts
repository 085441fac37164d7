import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { RunEntry } from '../machine/run-file.ts';
import { commandLine } from '../machine/process-table.ts';
import { tellUnwrittenOnce } from '../machine/unwritten.ts';
import { SupervisedProcess, type ProcessSpec } from './supervised-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'supervised-'));
const started: SupervisedProcess[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.stop()));
});
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** A child that runs `code`; what is said is collected and can be awaited. */
function child(name: string, code: string, change: Partial<ProcessSpec> = {}, logFolder = folder) {
  const script = join(folder, `${name}.mjs`);
  writeFileSync(script, code);
  const said: string[] = [];
  const waiting: { pattern: RegExp; resolve: (line: string) => void }[] = [];
  const noted = new Map<string, RunEntry>();
  const say = (line: string) => {
    said.push(line);
    for (const { pattern, resolve } of waiting) if (pattern.test(line)) resolve(line);
  };
  const supervised = new SupervisedProcess(
    {
      name,
      file: process.execPath,
      args: [script],
      env: process.env,
      cwd: folder,
      marker: script,
      stopSignal: 'SIGTERM',
      stopPatience_ms: 10_000,
      startPatience_ms: 20_000,
      ready: ({ sawLine }) => sawLine(/^ready$/),
      surface: (line) => (line.startsWith('error') ? line : undefined),
      ...change,
    },
    {
      logFolder,
      say,
      unwritten: tellUnwrittenOnce(say),
      note: (entry) => noted.set(entry.name, entry),
      forget: (entry) => noted.delete(entry),
    },
  );
  started.push(supervised);
  const hears = (pattern: RegExp) =>
    new Promise<string>((resolve) => void waiting.push({ pattern, resolve }));
  return { supervised, said, hears, noted };
}

const lives = "console.log('ready'); setInterval(() => {}, 60_000);";

test('is started when it says that it is ready, and is recorded until it is stopped', async () => {
  const { supervised, noted } = child('good', lives);
  await supervised.start();
  expect(noted.get('good')).toMatchObject({ pid: supervised.pid, stopSignal: 'SIGTERM' });
  const pid = supervised.pid ?? 0;
  await supervised.stop();
  expect(noted.has('good')).toBe(false);
  expect(await commandLine(pid)).toBeUndefined();
});

test('is started again when it dies, and that is said', async () => {
  const { supervised, hears, noted } = child('mortal', lives);
  await supervised.start();
  const first = supervised.pid ?? 0;
  const death = hears(/mortal ended \(SIGKILL\)/);
  const back = hears(/mortal is back/);
  process.kill(first, 'SIGKILL');
  await death;
  await back;
  expect(supervised.pid).not.toBe(first);
  expect(noted.get('mortal')?.pid).toBe(supervised.pid);
});

test('is tried again with growing pauses while it does not come up', async () => {
  const flag = join(folder, 'broken');
  const code = `import { existsSync } from 'node:fs'; if (existsSync(${JSON.stringify(flag)})) process.exit(3); ${lives}`;
  const { supervised, said, hears } = child('flaky', code);
  await supervised.start();
  writeFileSync(flag, '');
  const tries = hears(/in 400 ms/);
  process.kill(supervised.pid ?? 0, 'SIGKILL');
  await tries;
  rmSync(flag);
  await hears(/flaky is back/);
  expect(said.filter((line) => line.includes('starting it again')).length).toBeGreaterThanOrEqual(3);
});

test('that ends before it is ready fails the start with its last words', async () => {
  const { supervised } = child(
    'bad',
    "console.log('error: no database'); console.log('more'); process.exit(2);",
  );
  await expect(supervised.start()).rejects.toMatchObject({
    message: 'bad ended while it started.',
    remedy: expect.stringMatching(/bad\.log:\nerror: no database$/) as string,
  });
});

test('that cannot be started at all fails the start', async () => {
  const { supervised } = child('absent', '', { file: join(folder, 'no-such-program') });
  await expect(supervised.start()).rejects.toMatchObject({
    remedy: expect.stringContaining('ENOENT') as string,
  });
});

test('that is not ready in time is killed and fails the start', async () => {
  const { supervised } = child('slow', 'setInterval(() => {}, 60_000);', { startPatience_ms: 300 });
  await expect(supervised.start()).rejects.toMatchObject({ message: 'slow was not ready after 0.3 s.' });
});

test('that ignores the signal is killed when patience ends, with its children', async () => {
  const grandchild = `import { spawn } from 'node:child_process'; import { writeFileSync } from 'node:fs'; process.on('SIGTERM', () => {});
    const { pid } = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000)']); writeFileSync('stubborn.pid', String(pid)); ${lives}`;
  const { supervised, said } = child('stubborn', grandchild, { stopPatience_ms: 200 });
  await supervised.start();
  const pids = [supervised.pid ?? 0, Number(readFileSync(join(folder, 'stubborn.pid'), 'utf8'))];
  await supervised.stop();
  expect(said.at(-1)).toMatch(/did not end in 0.2 s and is killed/);
  for (const pid of pids) expect(await commandLine(pid)).toBeUndefined();
});

test('leads a process group of its own, so that Ctrl-C in the terminal does not reach it', async () => {
  const { supervised } = child('grouped', lives);
  await supervised.start();
  const stat = execFileSync('cat', [`/proc/${supervised.pid}/stat`], { encoding: 'utf8' });
  expect(Number(stat.split(') ')[1]?.split(' ')[2])).toBe(supervised.pid);
});

test('stopped while it waits to be started again stays down', async () => {
  const { supervised, hears } = child('resting', lives);
  await supervised.start();
  const death = hears(/starting it again/);
  process.kill(supervised.pid ?? 0, 'SIGKILL');
  await death;
  await supervised.stop();
  expect(await commandLine(supervised.pid ?? 0)).toBeUndefined();
});

test('tells of errors while it is up', async () => {
  const { supervised, hears } = child(
    'wordy',
    `process.on('SIGUSR2', () => console.log('error: late')); ${lives}`,
  );
  await supervised.start();
  const told = hears(/^wordy: error: late$/);
  process.kill(supervised.pid ?? 0, 'SIGUSR2');
  await told;
  expect(supervised.pid).toBeDefined();
});

/** Answers each SIGUSR2 with a line, so that a test decides when its log is written. */
const answers = `let said = 0; process.on('SIGUSR2', () => console.log('error: line ' + ++said)); ${lives}`;

async function expectLogToComeBack(logFolder: string, makeRoom: () => void): Promise<void> {
  const { supervised, said, hears } = child('unlogged', answers, {}, logFolder);
  await supervised.start();
  const { pid = 0 } = supervised;
  const ask = async (line: number) => {
    const told = hears(new RegExp(`line ${line}$`));
    process.kill(pid, 'SIGUSR2');
    await told;
  };
  const log = () => readFileSync(join(logFolder, 'unlogged.log'), 'utf8');
  let line = 1;
  while (!said.some((words) => words.includes('cannot be written'))) await ask(line++);
  await ask(line++);
  makeRoom();
  do await ask(line++);
  while (!existsSync(join(logFolder, 'unlogged.log')) || !log().includes(`line ${line - 2}`));
  expect(said.filter((words) => words.includes('cannot be written'))).toHaveLength(1);
  expect(supervised.pid).toBe(pid);
  await supervised.stop();
  expect(await commandLine(pid)).toBeUndefined();
}

test('runs on while its log cannot be written, which is said once, and is logged again when it can', async () => {
  const gone = join(folder, 'not-yet');
  await expectLogToComeBack(gone, () => mkdirSync(gone));
});

const disk = mkdtempSync(join(tmpdir(), 'small-disk-'));
const mounted =
  process.platform === 'linux' &&
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', disk]).status === 0;
afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
  rmSync(disk, { recursive: true, force: true });
});

test.runIf(mounted)('runs on while the disk is full', async () => {
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, '');
  expect(() => {
    for (;;) appendFileSync(ballast, Buffer.alloc(4096));
  }).toThrow('ENOSPC');
  await expectLogToComeBack(disk, () => rmSync(ballast));
});
