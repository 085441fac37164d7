/** What is watched while something large goes on. */
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchStack } from './bench-stack.ts';

/** What a heap under full load may grow before it is collected; a million rows kept, of 280 bytes each, would be twice that. */
export const memoryHeadroom_MiB = 150;

export interface Probe {
  readonly since_s: number;
  /** How long the edited key went on to be answered with the old value, without a word that it is stale. */
  readonly unsaid_ms: number;
}

export async function read(url: string, id: string): Promise<{ status: string; price: number }> {
  const response = await fetch(`${url}/v1/products/${id}`);
  const { priceMinor } = (await response.json()) as { priceMinor: number };
  return { status: response.headers.get('cache-status') ?? '', price: priceMinor };
}

async function resident_MiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
}

export async function watchMemory(
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

/** Edits a product that the UPDATE does not touch, and reads it until the new value, or a word that it is stale, comes. */
export async function probeOthers(
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
    let unsaid_ms = 0;
    for (;;) {
      const sent_ms = performance.now();
      const { status, price } = await read(url, id);
      if (price === edited[0]?.price) break;
      // Before it was sent nothing can be said of it.
      if (!status.includes('stale')) unsaid_ms = sent_ms - committed_ms;
      if (sent_ms - committed_ms > 60_000) throw new Error(`${id} stayed old for a minute`);
      await pause(5);
    }
    probes.push({ since_s: since_s(), unsaid_ms });
    await pause(50);
  }
}
