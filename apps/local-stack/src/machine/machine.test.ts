import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { StackProblem } from '../problem.ts';
import { portBase, portsFrom, requireFree } from './ports.ts';
import { isRunning } from './process-table.ts';
import { reportFirstWriteError, RunFile } from './run-file.ts';
import { createStackFolder, resetStack, stackFolder } from './stack-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'machine-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const silent = () => {};
const supervisor = {
  name: 'local-stack',
  pid: process.pid,
  marker: 'vitest',
  stopSignal: 'SIGTERM',
} as const;

/** A process whose command line contains `marker`. */
async function sleeper(marker: string) {
  const child = spawn(process.execPath, ['-e', "console.log('up'); setInterval(() => {}, 60_000)", marker]);
  await once(child.stdout, 'data');
  return { pid: child.pid ?? 0, exited: once(child, 'exit') };
}

test('PORT_BASE shifts every port', () => {
  expect(portBase({})).toBe(4000);
  expect(portsFrom(portBase({ PORT_BASE: '5000' }))).toMatchObject({
    console: 5000,
    'catalog-read': 5001,
    postgres: 5010,
    'state-redis': 5012,
  });
});

test.each(['x', '80', '65530', '4000.5', '-1', '6000', '6665'])('PORT_BASE=%s is refused', (text) => {
  expect(() => portBase({ PORT_BASE: text })).toThrow(StackProblem);
});

test('a base that puts a server on a port which fetch blocks is refused', async () => {
  for (const port of [1719, 4045, 5060, 6000, 6566, 6669, 6697, 10_080]) {
    // fetch says "bad port" before it tries. On any other port the connection is refused.
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ cause: { message: 'bad port' } });
    expect(() => portBase({ PORT_BASE: String(port) })).toThrow(`${port}, which browsers refuse to open`);
  }
});

test('a taken port is named, with the process that holds it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const ports = { ...portsFrom(4000), 'catalog-read': port };
  await expect(requireFree(ports, ['catalog-read'])).rejects.toMatchObject({
    message: expect.stringMatching(
      new RegExp(`port ${port} \\(for catalog-read\\) is taken by .*node.* \\(pid ${process.pid}\\)`),
    ) as string,
    remedy: expect.stringContaining('PORT_BASE=') as string,
  });
  server.close();
  await once(server, 'close');
  await requireFree(ports, ['catalog-read']);
});

test('for a port in the middle of the range, a PORT_BASE is named whose ports are all free', async () => {
  const listeners = ['console', 'catalog-read', 'catalog-write', 'postgres'] as const;
  const hold = async (port: number) => {
    const server = createServer().listen(port, '127.0.0.1');
    await Promise.race([once(server, 'listening'), once(server, 'error').catch(() => undefined)]);
    return server;
  };
  // Whoever else holds 5002 has the same effect.
  const suggested = await hold(portsFrom(5000)['catalog-write']);
  const middle = await hold(0);
  const { port } = middle.address() as AddressInfo;
  const ports = { ...portsFrom(4000), 'catalog-write': port };
  const refusal: unknown = await requireFree(ports, ['catalog-write']).catch((error: unknown) => error);
  const base = Number(/PORT_BASE=(\d+) npm start/.exec((refusal as StackProblem).remedy)?.[1]);
  expect(base).toBeGreaterThan(5000);
  await requireFree(portsFrom(base), listeners);
  for (const server of [suggested, middle]) server.close();
});

test('a second start is refused while the first runs', async () => {
  const file = join(root, 'running.json');
  const { pid, exited } = await sleeper('first-stack');
  writeFileSync(
    file,
    JSON.stringify({ supervisor: { ...supervisor, pid, marker: 'first-stack' }, children: [] }),
  );
  await expect(RunFile.claim(file, supervisor, silent, silent)).rejects.toMatchObject({
    message: expect.stringContaining(`pid ${pid}`) as string,
  });
  process.kill(pid);
  await exited;
  const claimed = await RunFile.claim(file, supervisor, silent, silent);
  await claimed.release();
});

test('a start ends the processes that a killed stack left running, but no other process with the same pid', async () => {
  const file = join(root, 'leftovers.json');
  const leftover = await sleeper('left-over-child');
  const stranger = await sleeper('somebody-else');
  const entry = (name: string, pid: number, marker: string) => ({ name, pid, marker, stopSignal: 'SIGTERM' });
  const children = [
    entry('redis', stranger.pid, 'our-redis'),
    entry('service', leftover.pid, 'left-over-child'),
  ];
  writeFileSync(file, JSON.stringify({ supervisor: entry('local-stack', 2 ** 22, 'gone'), children }));
  const said: string[] = [];
  const claimed = await RunFile.claim(file, supervisor, (line) => said.push(line), silent);
  await leftover.exited;
  expect(said).toEqual([expect.stringContaining(`service (pid ${leftover.pid})`)]);
  expect(await isRunning(stranger.pid, 'somebody-else')).toBe(true);
  process.kill(stranger.pid);
  await stranger.exited;
  await claimed.release();
});

test('a start works after a crash that cut the run file short', async () => {
  const file = join(root, 'cut-short.json');
  writeFileSync(file, '{"supervis');
  const claimed = await RunFile.claim(file, supervisor, silent, silent);
  await claimed.release();
  expect(existsSync(file)).toBe(false);
});

test('of two starts after a crash only one gets the folder, and its record stays', async () => {
  const starts = await Promise.all(
    ['a', 'b'].map(async (name) => {
      const { pid, exited } = await sleeper(`start-${name}`);
      return { exited, entry: { ...supervisor, pid, marker: `start-${name}` } };
    }),
  );
  const crashed = JSON.stringify({
    supervisor: { ...supervisor, pid: 2 ** 22, marker: 'gone' },
    children: [],
  });
  for (let round = 0; round < 50; round++) {
    const file = join(root, `contended-${round}.json`);
    writeFileSync(file, crashed);
    const claims = await Promise.allSettled(
      starts.map(async ({ entry }) => ({ entry, claimed: await RunFile.claim(file, entry, silent, silent) })),
    );
    const winners = claims.flatMap((claim) => (claim.status === 'fulfilled' ? [claim.value] : []));
    expect(winners).toHaveLength(1);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ supervisor: winners[0]?.entry });
    for (const claim of claims) {
      if (claim.status === 'rejected') expect(claim.reason).toBeInstanceOf(StackProblem);
    }
    await winners[0]?.claimed.release();
  }
  expect(readdirSync(root).filter((name) => name.startsWith('contended-'))).toEqual([]);
  for (const { entry, exited } of starts) {
    process.kill(entry.pid);
    await exited;
  }
});

test('a record that cannot be written is reported once, and the folder is released all the same', async () => {
  const folder = join(root, 'vanishing');
  mkdirSync(folder);
  const said: string[] = [];
  const tell = reportFirstWriteError((line) => said.push(line));
  const claimed = await RunFile.claim(join(folder, 'run.json'), supervisor, silent, tell);
  rmSync(folder, { recursive: true });
  claimed.record({ ...supervisor, name: 'a child' });
  claimed.forget('a child');
  await claimed.release();
  expect(said).toEqual([expect.stringMatching(/run\.json cannot be written \(ENOENT/)]);
});

test('reset deletes a folder, but not that of a running stack', async () => {
  const folder = stackFolder(4000, root);
  await createStackFolder(folder);
  const { pid, exited } = await sleeper('running-stack');
  writeFileSync(
    folder.runFile,
    JSON.stringify({ supervisor: { ...supervisor, pid, marker: 'running-stack' }, children: [] }),
  );
  await expect(resetStack(folder, supervisor, silent)).rejects.toThrow(StackProblem);
  process.kill(pid);
  await exited;
  await resetStack(folder, supervisor, silent);
  expect(() => statSync(folder.path)).toThrow('ENOENT');
  const said: string[] = [];
  await resetStack(folder, supervisor, (line) => said.push(line));
  expect(said.join()).toContain('nothing to wipe');
});
