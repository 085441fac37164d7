/** Counts the jobs that the worker makes of many changes, and the bumps of the list generation. */
import { pause } from '@catalog/runtime';
import { Redis } from 'ioredis';
import type { BenchStack } from '../stack/bench-stack.ts';

const sample_ms = 20;

export interface QueueSeen {
  readonly jobs: number;
  /** The largest number of waiting and running jobs. */
  readonly mostJobs: number;
  readonly bumps: number;
  readonly bumpsPerSecond: number;
}

/** Samples until the signal aborts, often enough to see every bump. */
export async function watchQueue({ stack }: BenchStack, signal: AbortSignal): Promise<QueueSeen> {
  const state = new Redis(await stack.redisUrl('state'));
  const cache = new Redis(await stack.redisUrl('cache'));
  try {
    const jobsMade = async () => Number((await state.get('bull:invalidation:id')) ?? 0);
    const first = await jobsMade();
    const began_ms = performance.now();
    let mostJobs = 0;
    let bumps = 0;
    // The text before the first bar is the current generation. A next one that waits follows after the bar.
    const current = async () => (await cache.get('generation:products'))?.split('|')[0];
    let generation = await current();
    while (!signal.aborted) {
      const [waiting, active, now] = await Promise.all([
        state.llen('bull:invalidation:wait'),
        state.llen('bull:invalidation:active'),
        current(),
      ]);
      mostJobs = Math.max(mostJobs, waiting + active);
      if (now !== generation) bumps += 1;
      generation = now;
      await pause(sample_ms);
    }
    const seconds = (performance.now() - began_ms) / 1000;
    return {
      jobs: (await jobsMade()) - first,
      mostJobs,
      bumps,
      // n bumps have n - 1 intervals.
      bumpsPerSecond: Math.max(0, bumps - 1) / Math.max(seconds, 1),
    };
  } finally {
    state.disconnect();
    cache.disconnect();
  }
}
