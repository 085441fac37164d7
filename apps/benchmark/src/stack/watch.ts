/** Watches memory and staleness while a large change runs. */
import { pause } from '@catalog/runtime';
import { lineChart, resident_MiB } from '@catalog/testing';
import type { BenchStack } from './bench-stack.ts';

/** A heap under full load may grow this much before garbage is collected. A million kept rows of 280 bytes would need twice that. */
export const memoryHeadroom_MiB = 150;

export interface Probe {
  readonly since_s: number;
  /** How long reads of the edited key showed the old value without marking it stale. */
  readonly stale_ms: number;
}

export async function read(url: string, id: string): Promise<{ status: string; price: number }> {
  const response = await fetch(`${url}/v1/products/${id}`);
  const { priceMinor } = (await response.json()) as { priceMinor: number };
  return { status: response.headers.get('cache-status') ?? '', price: priceMinor };
}

async function watchMemory(
  pid: number,
  since_s: () => number,
  samples: [number, number][],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    samples.push([since_s(), await resident_MiB(pid)]);
    await pause(250);
  }
}

/** Edits products that the large change does not touch, and reads each until its new value comes. */
async function probeOthers(
  { stack, catalog }: BenchStack,
  since_s: () => number,
  probes: Probe[],
  signal: AbortSignal,
): Promise<void> {
  const url = stack.url('catalog-read');
  const { rows } = await catalog.query<{ id: string }>(
    "select id from catalog.products where sku not like 'GEN-%' order by sku limit 50",
  );
  for (let edit = 0; !signal.aborted; edit++) {
    const id = rows[edit % rows.length]?.id ?? '';
    await read(url, id);
    const { rows: edited } = await catalog.query<{ price: number }>(
      'update catalog.products set price_minor = price_minor + 1 where id = $1 returning price_minor as price',
      [id],
    );
    const committed_ms = performance.now();
    let stale_ms = 0;
    for (;;) {
      const sent_ms = performance.now();
      const { status, price } = await read(url, id);
      if (price === edited[0]?.price) break;
      // An answer proves only that the value was old when the request was sent.
      if (!status.includes('stale')) stale_ms = sent_ms - committed_ms;
      if (sent_ms - committed_ms > 60_000)
        throw new Error(`Reads of ${id} showed the old value for a minute.`);
      await pause(5);
    }
    probes.push({ since_s: since_s(), stale_ms });
    await pause(50);
  }
}

export type Samples = readonly [since_s: number, MiB: number][];

export interface Watch<Name extends string> {
  since_s(): number;
  /** The resident memory of each watched process. */
  readonly memory: Readonly<Record<Name, Samples>>;
  readonly probes: readonly Probe[];
  stop(): Promise<void>;
}

/** Watches the memory of these processes and edits other products, until it is stopped. */
export function startWatch<Name extends string>(
  bench: BenchStack,
  pids: Readonly<Record<Name, number>>,
): Watch<Name> {
  const began_ms = performance.now();
  const since_s = () => (performance.now() - began_ms) / 1000;
  const over = new AbortController();
  const probes: Probe[] = [];
  const memory = Object.fromEntries(
    Object.keys(pids).map((name) => [name, [] as [number, number][]]),
  ) as Record<Name, [number, number][]>;
  const watching = Promise.all([
    ...Object.entries<number>(pids).map(([name, pid]) =>
      watchMemory(pid, since_s, memory[name as Name], over.signal),
    ),
    probeOthers(bench, since_s, probes, over.signal),
  ]);
  return {
    since_s,
    memory,
    probes,
    async stop() {
      over.abort();
      await watching;
    },
  };
}

/** The largest memory of one process while `work` runs. */
export async function mostMemory_MiB(pid: number, work: () => Promise<void>): Promise<number> {
  const samples: [number, number][] = [];
  const over = new AbortController();
  const watching = watchMemory(pid, () => 0, samples, over.signal);
  await work().finally(() => over.abort());
  await watching;
  return most_MiB(samples);
}

export const most_MiB = (samples: Samples): number => Math.max(...samples.map(([, MiB]) => MiB));

export const stalenessPlot = (title: string, xAxis: string, probes: readonly Probe[]): string =>
  lineChart(title, { x: xAxis, y: 'ms' }, [
    {
      label: 'old value, not marked stale',
      points: probes.map(({ since_s, stale_ms }): [number, number] => [since_s, stale_ms]),
    },
  ]);
