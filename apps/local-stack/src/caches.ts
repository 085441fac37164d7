import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';

const viewSchema = z.object({
  process: z.object({
    nearCacheIsSound: z.boolean(),
    redisIsFresh: z.boolean(),
    watermarkAge_ms: z.number().nullable(),
  }),
});

/** An import of the whole catalog is applied well within this; a worker that lags more is worth starting with. */
const patience_ms = 30_000;

/**
 * Waits until what was committed before the call is applied to the caches, and catalog-read knows: from then on
 * a first read fills them and a second one is a hit.
 *
 * @returns whether that was so in time; services answer rightly in any case, from Postgres
 */
export async function cachesHaveCaughtUp(readUrl: string, stopped: () => boolean): Promise<boolean> {
  const began_ms = performance.now();
  // Any id will do: what is asked for is the state of the process, which this view shows beside the key's.
  const view = `${readUrl}/v1/products/${crypto.randomUUID()}/cache`;
  while (performance.now() - began_ms < patience_ms && !stopped()) {
    const asked_ms = performance.now();
    const response = await fetch(view);
    const { process } = viewSchema.parse(await response.json());
    const { watermarkAge_ms: age_ms, redisIsFresh, nearCacheIsSound } = process;
    if (redisIsFresh && nearCacheIsSound && age_ms !== null && asked_ms - age_ms > began_ms) return true;
    await pause(50);
  }
  return false;
}
