/** An ordinary reader beside an attack. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { pause } from '@catalog/runtime';
import { resident_MiB, startReader, type RunningScript } from '@catalog/testing';
import { call } from '../load/call.ts';
import { agentAt, type Flood, type Shot } from '../load/flood.ts';
import { demoProducts } from '../system/demo-products.ts';
import type { Stage } from './row.ts';

/** The limit of a container of a service in docker-compose.yml. */
const container_MiB = 512;
export const attack_ms = 8_000;
const hotProducts = 50;
/** Each is read once, so no near cache holds it. */
const coldProducts = 800;
/** A shorter p99 says more about the scheduler of this machine, where attackers, readers and stores share the cores. */
const noise_ms = 20;

interface Seen {
  readonly took_ms: number[];
  /** Answers that were not fresh, and how often each came. */
  readonly worse: Map<string, number>;
}

/** Reads a hot and a cold product in turn until the signal, as a service at an address of its own does. */
async function readUntil(
  over: AbortSignal,
  url: string,
  hot: readonly string[],
  cold: readonly string[],
): Promise<Seen> {
  const agent = agentAt(0);
  const seen: Seen = { took_ms: [], worse: new Map() };
  for (let n = 0; !over.aborted; n++) {
    const id = n % 2 === 0 ? hot[(n / 2) % hot.length] : cold[((n - 1) / 2) % cold.length];
    const began_ms = performance.now();
    const said = await call(agent, 'GET', `${url}/v1/products/${id}`).then(
      ({ status, headers }) => {
        const isStale = String(headers['cache-status']).includes('detail=stale');
        return status !== 200 ? String(status) : isStale ? 'stale' : 'fresh';
      },
      (error: unknown) => String(error),
    );
    seen.took_ms.push(performance.now() - began_ms);
    if (said !== 'fresh') seen.worse.set(said, (seen.worse.get(said) ?? 0) + 1);
    await pause(5);
  }
  agent.destroy();
  return seen;
}

const p99 = ({ took_ms }: Seen): number =>
  took_ms.toSorted((a, b) => a - b)[Math.floor(took_ms.length * 0.99)] ?? Number.NaN;

/** The most memory of the process while the work runs. */
async function mostMemory_MiB(pid: number, work: () => Promise<void>): Promise<number> {
  let most = 0;
  const sampling = setInterval(() => {
    void resident_MiB(pid).then((now) => (most = Math.max(most, now)));
  }, 100);
  await work().finally(() => clearInterval(sampling));
  return most;
}

/** A reader with the limits of a deployment. Those of the local stack are wide, for its benchmarks. */
export const attackedReader = ({ system }: Stage): Promise<RunningScript> =>
  startReader(system.stack, {
    env: { RATE_LIMIT_REQUESTS: '100000', LOADS_PER_SECOND: '5000', WORKERS: '1' },
  });

/**
 * Measures the ordinary reader beside the attack, and beside as many callers that only read hot products: on a machine with
 * few cores these slow it down too. Expects that the attack does little more.
 */
export async function besideReader(
  stage: Stage,
  reader: RunningScript,
  callers: number,
  attack: () => Promise<void>,
): Promise<void> {
  const { observe, expect } = stage;
  const ids = await demoProducts(stage.system.sql, hotProducts + 2 * coldProducts);
  const hot = ids.splice(0, hotProducts);
  const during = async (work: () => Promise<void>): Promise<Seen> => {
    const over = new AbortController();
    const reading = readUntil(over.signal, reader.url, hot, ids.splice(0, coldProducts));
    await work().finally(() => over.abort());
    return reading;
  };
  const paths = hot.map((id) => `/v1/products/${id}`);
  const usual = await during(async () => {
    await flood(
      reader.url,
      shot(callers, 'GET', () => paths),
    );
  });
  let beside = usual;
  const memory_MiB = await mostMemory_MiB(reader.pid, async () => {
    beside = await during(attack);
  });
  const worse = [...beside.worse].map(([said, times]) => `${times} × ${said}`).join(', ');
  observe(
    `${beside.took_ms.length} ordinary reads beside it, p99 ${p99(beside).toFixed(1)} ms (usually ${p99(usual).toFixed(1)}), ` +
      `${worse === '' ? 'all fresh' : worse}; the reader took ${memory_MiB.toFixed(0)} MiB at most`,
  );
  expect(beside.took_ms.length > 200, 'there were enough ordinary reads');
  expect(beside.worse.size === 0, 'every ordinary read is answered fresh');
  expect(
    p99(beside) <= Math.max(2 * p99(usual), noise_ms),
    `the p99 of ordinary reads is within twice the usual, or within ${noise_ms} ms`,
  );
  expect(memory_MiB > 0 && memory_MiB < container_MiB, `the reader stays below ${container_MiB} MiB`);
}

/** What one caller of a flood sends, one path after the other and then from the beginning. */
export const shot = (callers: number, method: string, paths: (caller: number) => readonly string[]) =>
  Array.from({ length: callers }, (_, caller) => ({ method, paths: paths(caller) }));

/** In a thread of its own, so that it does not hold up the ordinary reader. @returns how often each status came */
export async function flood(url: string, shots: readonly Shot[]): Promise<Map<number, number>> {
  const worker = new Worker(new URL('../load/flood-thread.ts', import.meta.url), {
    workerData: { url, shots, time_ms: attack_ms } satisfies Flood,
  });
  const [statuses] = (await once(worker, 'message')) as [Map<number, number>];
  return statuses;
}

export const shown = (statuses: ReadonlyMap<number, number>): string =>
  [...statuses].map(([status, times]) => `${times} × ${status || 'no answer'}`).join(', ');
