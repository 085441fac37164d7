import { pause } from '@catalog/runtime';
import { z } from 'zod';

const viewSchema = z.object({
  process: z.object({
    nearCacheIsSound: z.boolean(),
    redisIsFresh: z.boolean(),
    watermarkAgeMs: z.number().nullable(),
  }),
});

/** The worker applies an import of the whole demo catalog well within this time. */
const patience_ms = 30_000;

/**
 * Waits until every change committed before the call is applied to the caches, and catalog-read knows it. From then on
 * a first read fills the caches and a second read is a hit.
 *
 * @returns whether they caught up in time. The services answer correctly in any case, from Postgres.
 */
export async function cachesHaveCaughtUp(readUrl: string, signal: AbortSignal): Promise<boolean> {
  const began_ms = performance.now();
  // Any id works. This view shows the state of the process beside that of the key.
  const view = `${readUrl}/v1/products/${crypto.randomUUID()}/cache`;
  while (performance.now() - began_ms < patience_ms && !signal.aborted) {
    const asked_ms = performance.now();
    const response = await fetch(view, { signal });
    const { process } = viewSchema.parse(await response.json());
    const { watermarkAgeMs: age_ms, redisIsFresh, nearCacheIsSound } = process;
    if (redisIsFresh && nearCacheIsSound && age_ms !== null && asked_ms - age_ms > began_ms) return true;
    await pause(50, signal);
  }
  return false;
}
