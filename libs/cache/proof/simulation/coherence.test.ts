import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MonotonicReads } from '../../src/reading/monotonic-reads.ts';
import { NearCache, type Ticket } from '../../src/near-cache/near-cache.ts';
import { Freshness } from '../../src/channel/freshness.ts';
import type { ChannelMessage } from '../../src/channel/messages.ts';
import type { Breakable } from './process.ts';
import { play } from './play.ts';
import { schedules } from './schedule.ts';

/**
 * Long random histories of the whole EntityCache: two processes, their near caches and channels, a worker, Redis
 * and Postgres. Every call arrives and is answered when the schedule says so, and time passes when it says so.
 *
 * More of them: `SCHEDULES=100000 npx vitest run proof/simulation`. A failure prints its seed and its story.
 */
const SCHEDULES = Number(process.env['SCHEDULES'] ?? 1_000);
const timeout_ms = 120_000 + SCHEDULES * 100;

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'Date', 'performance'],
    now: Date.UTC(2026, 0, 1),
  });
});
afterEach(() => {
  vi.useRealTimers();
});

/** @returns the shortest story found of a rule that is broken */
async function findViolation(
  parameters: { numRuns: number; seed?: number },
  broken?: Breakable,
): Promise<string | undefined> {
  const property = fc.asyncProperty(schedules(200), async (schedule) => {
    const { violations } = await play(schedule, broken);
    return violations.length === 0;
  });
  const result = await fc.check(property, parameters);
  const shortest = result.counterexample?.[0];
  if (shortest === undefined) return undefined;
  const { story, violations } = await play(shortest, broken);
  return [`seed ${result.seed}, path ${result.counterexamplePath}`, ...story, ...violations].join('\n');
}

test(
  'no schedule breaks a rule, and when all faults have ended everyone answers what is true',
  {
    timeout: timeout_ms,
  },
  async () => {
    const story = await findViolation({ numRuns: SCHEDULES });
    expect(story).toBeUndefined();
  },
);

class KeepsWhatWasOvertaken extends NearCache {
  override begin(key: string): Ticket {
    return { ...super.begin(key), floor: 0 };
  }
}
class OverlooksGaps extends Freshness {
  #sequence = 0;
  override received(message: ChannelMessage, sentAfter_ms: number) {
    this.#sequence += 1;
    return super.received({ ...message, sequence: this.#sequence }, sentAfter_ms);
  }
  override subscribed(): void {
    this.#sequence = 0;
    super.subscribed();
  }
}
class TrustsArrival extends Freshness {
  override received(message: ChannelMessage) {
    return super.received(message, performance.now());
  }
}
class Forgetful extends MonotonicReads {
  override isOvertaken(): boolean {
    return false;
  }
}
test.each<[string, Breakable]>([
  [
    'a near cache that keeps what an invalidation has overtaken',
    { near: (freshness, now) => new KeepsWhatWasOvertaken(freshness, now, { maxBytes: 800 }) },
  ],
  ['a gap in the sequence that is overlooked', { freshness: (now, own) => new OverlooksGaps(now, own) }],
  [
    'a message whose age is counted from its arrival',
    { freshness: (now, own) => new TrustsArrival(now, own) },
  ],
  ['a process that forgets what it has served', { monotonic: () => new Forgetful() }],
])(
  'is found: %s',
  async (_name, broken) => {
    const found = await findViolation({ numRuns: 20_000, seed: 1 }, broken);
    expect(found).toMatch(/^(?:rule \d|healed):/m);
  },
  300_000,
);
