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
import { pause, type RunningPart, startPart } from '@catalog/runtime';
import { stressPart } from '@catalog/testing';
import { commandLine } from '../machine/process-table.ts';
import { reportFirstWriteError, type RunEntry } from '../machine/run-file.ts';
import { SupervisedProcess, type ProcessSpec } from './supervised-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'supervised-'));
const started: RunningPart[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.stop()));
});
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** A child that runs `code`. It collects what the supervisor says, and `hears` awaits a line of it. */
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
  const part = new SupervisedProcess(
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
      reportWriteError: reportFirstWriteError(say),
      record: (entry) => noted.set(entry.name, entry),
      forget: (entry) => noted.delete(entry),
    },
  );
  let running: RunningPart | undefined;
  const supervised = {
    start() {
      running = startPart(part);
      started.push(running);
      return part.ready;
    },
    stop: () => running?.stop(),
    get pid() {
      return part.pid;
    },
  };
  const hears = (pattern: RegExp) =>
    new Promise<string>((resolve) => void waiting.push({ pattern, resolve }));
  return { part, supervised, said, hears, noted };
}

const lives = "console.log('ready'); setInterval(() => {}, 60_000);";

test('a process is started when it says that it is ready, and is recorded until it is stopped', async () => {
  const { supervised, noted } = child('good', lives);
  await supervised.start();
  expect(noted.get('good')).toMatchObject({ pid: supervised.pid, stopSignal: 'SIGTERM' });
  const pid = supervised.pid ?? 0;
  await supervised.stop();
  expect(noted.has('good')).toBe(false);
  expect(await commandLine(pid)).toBeUndefined();
});

test('a process that dies is started again, and the terminal is told', async () => {
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

test('a process that does not come up is tried again with growing pauses', async () => {
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

test('a process that ends before it is ready fails the start with its first errors', async () => {
  const lines = Array.from(
    { length: 500 },
    (_, index) => `console.log('error: another try fails ${index}');`,
  );
  const { supervised } = child(
    'bad',
    `console.log('starting'); console.log('error: no permission for key x'); ${lines.join('')} process.exit(2);`,
  );
  await expect(supervised.start()).rejects.toMatchObject({
    message: 'bad ended while it started.',
    remedy: expect.stringMatching(
      /^error: no permission for key x\nerror: another.*\nerror: another.*\nerror: another.*\nThe whole log: .*bad\.log$/,
    ) as string,
  });
});

test('a process that reports no error fails the start with the end of its output', async () => {
  const { supervised } = child('quiet', "console.log('one'); console.log('two'); process.exit(2);");
  await expect(supervised.start()).rejects.toMatchObject({
    remedy: expect.stringMatching(/^one\ntwo\nThe whole log: /) as string,
  });
});

test('a process that is not ready in time fails the start with the reason that it gave last', async () => {
  const { supervised } = child('unready', 'setInterval(() => {}, 60_000);', {
    startPatience_ms: 300,
    ready: async ({ notReady, signal }) => {
      notReady('/readyz: redis fails: NOPERM');
      await pause(60_000, signal);
    },
  });
  await expect(supervised.start()).rejects.toMatchObject({
    remedy: expect.stringMatching(/^\/readyz: redis fails: NOPERM\nThe whole log: /) as string,
  });
});

test('a start that takes long shows its errors while it goes on', async () => {
  const { supervised, hears } = child(
    'late',
    "console.log('error: NOPERM'); setInterval(() => {}, 60_000);",
    { slowStart_ms: 500 },
  );
  const shown = hears(/not ready after 0\.5 s/);
  const start = supervised.start();
  expect(await shown).toBe('late is not ready after 0.5 s:\n    error: NOPERM');
  await supervised.stop();
  await expect(start).rejects.toThrow('late ended while it started');
});

test('a supervised process starts and stops in any order', async () => {
  const children = Array.from({ length: 20 }, (_, index) => child(`stressed-${index}`, lives));
  let next = 0;
  await stressPart(() => children[next++]?.part ?? expect.fail('there are too few children'));
  expect(children.flatMap(({ noted }) => [...noted.keys()])).toEqual([]);
}, 60_000);

test('a program that does not exist fails the start', async () => {
  const { supervised } = child('absent', '', { file: join(folder, 'no-such-program') });
  await expect(supervised.start()).rejects.toMatchObject({
    remedy: expect.stringContaining('ENOENT') as string,
  });
});

test('a process that is not ready in time is killed and fails the start', async () => {
  const { supervised } = child('slow', 'setInterval(() => {}, 60_000);', { startPatience_ms: 300 });
  await expect(supervised.start()).rejects.toMatchObject({ message: 'slow was not ready after 0.3 s.' });
});

test('a process that ignores the signal is killed with its children when its patience ends', async () => {
  const grandchild = `import { spawn } from 'node:child_process'; import { writeFileSync } from 'node:fs'; process.on('SIGTERM', () => {});
    const { pid } = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000)']); writeFileSync('stubborn.pid', String(pid)); ${lives}`;
  const { supervised, said } = child('stubborn', grandchild, { stopPatience_ms: 200 });
  await supervised.start();
  const pids = [supervised.pid ?? 0, Number(readFileSync(join(folder, 'stubborn.pid'), 'utf8'))];
  await supervised.stop();
  expect(said.at(-1)).toMatch(/did not end in 0.2 s and is killed/);
  for (const pid of pids) expect(await commandLine(pid)).toBeUndefined();
});

test('a process leads its own process group, so that Ctrl-C in the terminal does not reach it', async () => {
  const { supervised } = child('grouped', lives);
  await supervised.start();
  const stat = execFileSync('cat', [`/proc/${supervised.pid}/stat`], { encoding: 'utf8' });
  expect(Number(stat.split(') ')[1]?.split(' ')[2])).toBe(supervised.pid);
});

test('a process that is stopped while it waits for its restart stays down', async () => {
  const { supervised, hears } = child('resting', lives);
  await supervised.start();
  const death = hears(/starting it again/);
  process.kill(supervised.pid ?? 0, 'SIGKILL');
  await death;
  await supervised.stop();
  expect(await commandLine(supervised.pid ?? 0)).toBeUndefined();
});

test('the errors of a process that is up are shown', async () => {
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

/** Prints a line for each SIGUSR2, so that a test decides when the log is written. */
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
  while (!said.some((text) => text.includes('cannot be written'))) await ask(line++);
  await ask(line++);
  makeRoom();
  do await ask(line++);
  while (!existsSync(join(logFolder, 'unlogged.log')) || !log().includes(`line ${line - 2}`));
  expect(said.filter((text) => text.includes('cannot be written'))).toHaveLength(1);
  expect(supervised.pid).toBe(pid);
  await supervised.stop();
  expect(await commandLine(pid)).toBeUndefined();
}

test('a process runs on while its log cannot be written; the error is shown once, and logging resumes', async () => {
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

test.runIf(mounted)('a process runs on while the disk is full', async () => {
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, '');
  expect(() => {
    for (;;) appendFileSync(ballast, Buffer.alloc(4096));
  }).toThrow('ENOSPC');
  await expectLogToComeBack(disk, () => rmSync(ballast));
});
