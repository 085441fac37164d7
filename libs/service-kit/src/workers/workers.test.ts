import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '@catalog/testing';
import { expect, test, vi } from 'vitest';

// Each test starts up to five processes, which takes long on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

interface LogRecord {
  readonly msg: string;
  readonly port?: number;
  readonly worker?: number | 'primary';
}

interface Shared extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly records: readonly LogRecord[];
  readonly exited: Promise<unknown[]>;
  kill(signal: NodeJS.Signals): void;
}

async function start(workers: number): Promise<Shared> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'workers.fixture.ts'), String(workers)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const records: LogRecord[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => records.push(JSON.parse(line) as LogRecord));
  const port = await eventually(() => records.find(({ msg }) => msg === 'listening')?.port ?? false, {
    timeout_ms: 40_000,
  });
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    records,
    exited,
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

type Outcome = number | 'refused' | 'reset' | 'no answer';

/** One request; its answer is the pid of the worker. */
async function ask(port: number, path: string, agent: Agent | false = false): Promise<Outcome> {
  const asking = get({ port, host: '127.0.0.1', path, agent, timeout: 3_000 });
  asking.on('timeout', () => asking.destroy(new Error('no answer')));
  try {
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    return Number(await text(response));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (message === 'no answer') return 'no answer';
    return code === 'ECONNREFUSED' ? 'refused' : 'reset';
  }
}

const pidsOf = async (port: number): Promise<number[]> => {
  const answers = await Promise.all(Array.from({ length: 16 }, () => ask(port, '/pid')));
  const pids = answers.filter((answer) => typeof answer === 'number');
  if (pids.length < answers.length) throw new Error(`Not every request was answered: ${answers.join(', ')}`);
  return [...new Set(pids)];
};

test('connections go to the workers in turn, so that each has the same number', async () => {
  await using shared = await start(4);
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const answers = await Promise.all(
    Array.from({ length: 32 }, () => ask(shared.port, '/wait?ms=100', agent)),
  );
  agent.destroy();
  const counts = new Map<Outcome, number>();
  for (const pid of answers) counts.set(pid, (counts.get(pid) ?? 0) + 1);
  expect([...counts.values()]).toEqual([8, 8, 8, 8]);
});

test('kill -9 of a worker loses only requests that it had; new connections are answered, and it comes back', async () => {
  await using shared = await start(2);
  const inWorker = 16;
  const outcomes: Outcome[] = [];
  const over = new AbortController();
  const loop = async (): Promise<void> => {
    while (!over.signal.aborted) outcomes.push(await ask(shared.port, '/pid'));
  };
  const loops = Promise.all(Array.from({ length: inWorker }, loop));
  const kills = 8;
  for (let kill = 0; kill < kills; kill++) {
    const [victim = Number.NaN] = await pidsOf(shared.port);
    const before = outcomes.length;
    process.kill(victim, 'SIGKILL');
    await eventually(() => outcomes.length > before + 100, { timeout_ms: 30_000 });
    await eventually(async () => (await pidsOf(shared.port)).length === 2, { timeout_ms: 30_000 });
  }
  over.abort();
  await loops;
  expect(outcomes.filter((outcome) => outcome === 'no answer')).toEqual([]);
  expect(outcomes.filter((outcome) => outcome === 'refused')).toEqual([]);
  // Those under way in the worker at the moment of its death.
  expect(outcomes.filter((outcome) => outcome === 'reset').length).toBeLessThanOrEqual(kills * inWorker);
  const metrics = await (await fetch(`${shared.url}/metrics`)).text();
  expect(metrics).toContain(`worker_restarts_total{service="shared",worker="primary"} ${kills}`);
});

test('under load over kept-alive connections, SIGTERM loses no request', async () => {
  for (let round = 0; round < 3; round++) {
    const shared = await start(3);
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const outcomes: Outcome[] = [];
    const loop = async (): Promise<void> => {
      for (;;) {
        const outcome = await ask(shared.port, '/pid', agent);
        outcomes.push(outcome);
        if (typeof outcome !== 'number') return;
      }
    };
    const loops = Promise.all(Array.from({ length: 16 }, loop));
    await eventually(() => outcomes.length > 500);
    shared.kill('SIGTERM');
    await loops;
    expect(await shared.exited).toEqual([0, null]);
    agent.destroy();
    expect(outcomes.filter((outcome) => typeof outcome !== 'number')).toEqual(Array(16).fill('refused'));
  }
});

test('idle connections do not hold up the end of the service', async () => {
  const shared = await start(2);
  const agent = new Agent({ keepAlive: true });
  await Promise.all(Array.from({ length: 4 }, () => ask(shared.port, '/pid', agent)));
  shared.kill('SIGTERM');
  expect(await shared.exited).toEqual([0, null]);
  agent.destroy();
  expect(shared.records.map(({ msg }) => msg)).not.toContain('cut off requests that did not end in time');
});

test('SIGTERM to one worker drains it, and another one takes its place', async () => {
  await using shared = await start(2);
  const waiting = Promise.all([ask(shared.port, '/wait?ms=500'), ask(shared.port, '/wait?ms=500')]);
  const [leaver = Number.NaN] = await pidsOf(shared.port);
  process.kill(leaver, 'SIGTERM');
  expect(new Set(await waiting)).toContain(leaver);
  await eventually(async () => {
    const pids = await pidsOf(shared.port);
    return pids.length === 2 && !pids.includes(leaver);
  });
});

test('SIGINT to the whole group, as Ctrl-C sends it, finishes what is under way', async () => {
  const shared = await start(2);
  const waiting = Promise.all([ask(shared.port, '/wait?ms=500'), ask(shared.port, '/wait?ms=500')]);
  const pids = await pidsOf(shared.port);
  for (const pid of pids) process.kill(pid, 'SIGINT');
  shared.kill('SIGINT');
  expect(new Set(await waiting)).toEqual(new Set(pids));
  expect(await shared.exited).toEqual([0, null]);
});

test('workers end with their primary', async () => {
  const shared = await start(2);
  const pids = await pidsOf(shared.port);
  shared.kill('SIGKILL');
  const isGone = (pid: number): boolean => {
    try {
      return !process.kill(pid, 0);
    } catch {
      return true;
    }
  };
  await eventually(() => expect(pids.filter((pid) => !isGone(pid))).toEqual([]));
});

test('metrics are those of all processes, each with its worker as a label', async () => {
  await using shared = await start(3);
  for (let count = 0; count < 9; count++) await ask(shared.port, '/pid');
  const metrics = await (await fetch(`${shared.url}/metrics`)).text();
  const counted = [
    ...metrics.matchAll(/^http_request_duration_seconds_count\{(.*route="\/pid".*)\} (\d+)$/gm),
  ];
  expect(counted.map(([, labels]) => /worker="(\d)"/.exec(labels ?? '')?.[1])).toEqual(['1', '2', '3']);
  expect(counted.map(([, , value]) => value)).toEqual(['3', '3', '3']);
  expect(metrics.match(/^# TYPE process_resident_memory_bytes /gm)).toHaveLength(1);
  expect(metrics.match(/^process_resident_memory_bytes\{/gm)).toHaveLength(4);
  expect(metrics).toContain('workers_serving{service="shared",worker="primary"} 3');
});

test('the service is not ready when one of its workers is not, and the answer names the worker', async () => {
  await using shared = await start(2);
  const readiness = async (): Promise<[number, { checks: Record<string, string> }]> => {
    const response = await fetch(`${shared.url}/readyz`);
    return [response.status, (await response.json()) as { checks: Record<string, string> }];
  };
  expect(await readiness()).toEqual([200, { status: 'ok', checks: { switch: 'ok' } }]);
  await ask(shared.port, '/switch-off');
  const [status, { checks }] = await readiness();
  expect(status).toBe(503);
  expect(checks['switch']).toMatch(/^worker [12]: fails: TypeError$/);
});

test('a worker that cannot start ends the service with exit code 1', async () => {
  const file = join(import.meta.dirname, 'workers.fixture.ts');
  const child = spawn(process.execPath, [file, '2', 'cannot-start'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const output = text(child.stdout);
  expect(await once(child, 'exit')).toEqual([1, null]);
  expect(await output).toContain('ended while it started');
});

test('a worker cuts off a client that sends its headers too slowly', async () => {
  await using shared = await start(2);
  const socket: Socket = connect(shared.port, '127.0.0.1');
  socket.write('GET /pid HTTP/1.1\r\nHost: x\r\n');
  expect(await text(socket)).toContain('HTTP/1.1 408');
});

test('a paused worker gets no more connections', async () => {
  await using shared = await start(2);
  const [paused = Number.NaN, other = Number.NaN] = await pidsOf(shared.port);
  process.kill(paused, 'SIGSTOP');
  try {
    // The first ones go to both in turn, until the primary sees that one of them takes nothing.
    const first = Promise.all(Array.from({ length: 4 }, () => ask(shared.port, '/pid')));
    await pause(1_500);
    const later = await Promise.all(Array.from({ length: 20 }, () => ask(shared.port, '/pid')));
    expect(new Set(later)).toEqual(new Set([other]));
    await first;
  } finally {
    process.kill(paused, 'SIGCONT');
  }
});
