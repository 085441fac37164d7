import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MonotonicReads } from '../../src/reading/monotonic-reads.ts';
import { NearCache, type Ticket } from '../../src/near-cache/near-cache.ts';
import { Freshness } from '../../src/channel/freshness.ts';
import type { ChannelMessage } from '../../src/channel/messages.ts';
import { playSchedule } from './play-schedule.ts';
import { type Action, hearHeartbeat, lagPastBound, passWithHeartbeats, schedules } from './schedule.ts';
import type { Replacements } from './simulated-process.ts';

/**
 * Long random schedules for the whole EntityCache: two processes with near caches and channels, a worker, Redis and
 * Postgres. The schedule decides when each call runs, when its answer arrives, and when time passes.
 *
 * To run more of them: `SCHEDULES=100000 npx vitest run proof/simulation`. A failure prints its seed and its story.
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

/**
 * The sources of all answers, and `unproved` if an entry was read while its incarnation was unknown. A simulation in which
 * Redis never answers would find nothing.
 */
const sources = new Set<string | undefined>();

/** @returns the shortest story that fast-check found of a broken rule */
async function findViolation(
  parameters: { numRuns: number; seed?: number },
  replaced?: Replacements,
): Promise<string | undefined> {
  const property = fc.asyncProperty(schedules(200), async (schedule) => {
    const { violations, story } = await playSchedule(schedule, replaced);
    for (const line of story) {
      sources.add(/answers .* \((\w+)\)$/.exec(line)?.[1]);
      if (line.endsWith('Redis runs get')) sources.add('unproved');
    }
    return violations.length === 0;
  });
  const result = await fc.check(property, parameters);
  const shortest = result.counterexample?.[0];
  if (shortest === undefined) return undefined;
  const { story, violations } = await playSchedule(shortest, replaced);
  return [`seed ${result.seed}, path ${result.counterexamplePath}`, ...story, ...violations].join('\n');
}

test(
  'no schedule breaks a rule, and after all faults every process answers with the newest version',
  {
    timeout: timeout_ms,
  },
  async () => {
    const story = await findViolation({ numRuns: SCHEDULES });
    expect(story).toBeUndefined();
    expect([...sources]).toEqual(
      expect.arrayContaining(['near', 'redis', 'stored', 'bypass', 'stale', 'unproved']),
    );
  },
);

const continueAll: Action[] = Array.from({ length: 10 }, () => ({
  description: 'all calls continue',
  run: (world) => world.continueAll(1),
}));

test('after a stale answer the near cache serves nothing older, even when the watermark recovers', async () => {
  const { violations, story } = await playSchedule({
    isNarrow: false,
    faults: [],
    actions: [
      {
        description: 'process 0 keeps version 1 of a',
        run(world) {
          world.commit('a', false);
          world.catchUp();
          hearHeartbeat(world, 0);
          world.read(0, 'a', 'any');
        },
      },
      ...continueAll,
      {
        description: 'the feed is held up; process 1 reads version 2 from Postgres and fills Redis',
        run(world) {
          lagPastBound(world);
          world.commit('a', false);
          world.read(1, 'a', 'writer');
        },
      },
      ...continueAll,
      {
        description: 'a load of process 0 fails, and it answers with what Redis holds',
        run(world) {
          world.primary.failures = 1;
          world.read(0, 'a', 'any');
        },
      },
      ...continueAll,
      {
        description: 'the watermark recovers',
        run(world) {
          world.releaseFeed();
          hearHeartbeat(world, 0);
          world.read(0, 'a', 'any');
        },
      },
    ],
  });
  expect(violations, story.join('\n')).toEqual([]);
  expect(story.join('\n')).toContain('process 0 answers a in version 2 (stale)');
});

const continueOne: Action = { description: 'one call continues', run: (world) => world.release(0) };
const promotedBetweenSteps: Action[] = [
  {
    description: 'process 0 reads version 1 of a, which Redis and a replica then hold',
    run(world) {
      world.commit('a', false);
      world.catchUp();
      hearHeartbeat(world, 0);
      world.read(0, 'a', 'any');
    },
  },
  ...continueAll,
  {
    description: 'version 2 is committed and applied, but the replica does not hear of it; 2.4 s pass',
    run(world) {
      world.copyToReplica();
      world.commit('a', false);
      world.catchUp();
      passWithHeartbeats(world);
    },
  },
  { description: 'process 0 reads a', run: (world) => world.read(0, 'a', 'any') },
  continueOne,
  {
    description: 'the server loads the data of the replica and is promoted, and all connections stay open',
    run: (world) => world.beginIncarnation(true),
  },
  ...continueAll,
];
const scene = (actions: Action[]) => ({ isNarrow: false, faults: [], actions });

test('a promotion between the reads and INFO gives no old value', async () => {
  const { violations, story } = await playSchedule(scene(promotedBetweenSteps));
  expect(violations, story.join('\n')).toEqual([]);
  expect(story.join('\n')).toMatch(/Redis runs MGET\n.*promoted.*\nall calls continue\n *Redis runs INFO/);
});

test('the simulation finds a process that asks for the incarnation before it reads, not after', async () => {
  const { violations } = await playSchedule(scene(promotedBetweenSteps), { asksBeforeReads: true });
  expect(violations.join('\n')).toMatch(/^rule 3: process 0 served a in version 1 \(redis\)/);
});

class KeepsOutdatedFills extends NearCache {
  override begin(key: string, freshness: Freshness): Ticket {
    return { ...super.begin(key, freshness), floor: 0 };
  }
}
class DropsWhatMayBeStale extends NearCache {
  override keepStale(): void {}
}
class IgnoresGaps extends Freshness {
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
class CountsAgeFromArrival extends Freshness {
  override received(message: ChannelMessage) {
    return super.received(message, performance.now());
  }
}
class RemembersNothing extends MonotonicReads {
  override isOvertaken(): boolean {
    return false;
  }
}
class KeepsServedVersions extends MonotonicReads {
  override forgetAll(): void {}
}
class CountsOldLoads extends MonotonicReads {
  override isForgottenSince(): boolean {
    return false;
  }
}
class TrustsSetAsideKeys extends Freshness {
  override isSetAside(): boolean {
    return false;
  }
}
test.each<[string, Replacements]>([
  [
    'a near cache that keeps a fill older than a received invalidation',
    { near: (now) => new KeepsOutdatedFills(now, { maxBytes: 1_400 }) },
  ],
  [
    'a near cache that drops what it could serve marked stale',
    { near: (now) => new DropsWhatMayBeStale(now, { maxBytes: 1_400 }) },
  ],
  [
    'a process that ignores a gap in the message sequence',
    { freshness: (now, own) => new IgnoresGaps(now, own) },
  ],
  [
    'a process that counts the age of a message from its arrival',
    { freshness: (now, own) => new CountsAgeFromArrival(now, own) },
  ],
  ['a process that forgets which versions it has served', { monotonic: () => new RemembersNothing() }],
  [
    'a process that counts what it served before Postgres went back',
    { monotonic: () => new KeepsServedVersions() },
  ],
  [
    'a process that answers with a load of before Postgres went back',
    { monotonic: () => new CountsOldLoads() },
  ],
  [
    'a process that trusts the caches for a key that Redis refuses to invalidate',
    { freshness: (now, own) => new TrustsSetAsideKeys(now, own) },
  ],
  ['a process that takes a standby for the primary', { trustsStandbys: true }],
])(
  'the simulation finds %s',
  async (_name, replaced) => {
    const found = await findViolation({ numRuns: 20_000, seed: 3 }, replaced);
    expect(found).toMatch(/^(?:rule \d|after all faults):/m);
  },
  300_000,
);
