/** For tests: a Postgres in memory, and a worker that applies its changes to a cluster. */
import type { Entity } from '@catalog/contracts';
import { slotOf } from '@catalog/redis';
import { type Answer, type Cache, createCache, type EntityCache } from '../index.ts';
import { GenerationBumper, ShardAway, WorkerCache } from '../worker.ts';
import { timings } from '../timings.ts';

export const THING: Entity = { name: 'thing', cacheKey: (key) => `thing:${key}`, payloadSchema: 1 };
const database = { currentIncarnation: async () => 'test' };
const ignore = () => undefined;

/** Versions of keys, and when each was committed. */
export class SimulatedPostgres {
  loads = 0;
  readonly #commits = new Map<string, { version: number; at_ms: number }[]>();
  #version = 0;

  commit(key: string): number {
    this.#version += 1;
    const commits = this.#commits.get(key) ?? [];
    this.#commits.set(key, [...commits.slice(-20), { version: this.#version, at_ms: performance.now() }]);
    return this.#version;
  }

  /** The newest version that was committed before the time. */
  versionAt(key: string, at_ms = Number.POSITIVE_INFINITY): number {
    return this.#commits.get(key)?.findLast((commit) => commit.at_ms <= at_ms)?.version ?? 0;
  }

  readonly load = async (keys: readonly string[]) => {
    this.loads += keys.length;
    return new Map(
      keys.map(
        (key) => [key, { version: this.versionAt(key), body: { version: this.versionAt(key) } }] as const,
      ),
    );
  };
}

/**
 * A worker without a feed. It keeps changes whose shard is away, and sends no heartbeat to that shard before they are applied, as
 * the real one does.
 */
export class SimulatedWorker {
  readonly cache: WorkerCache;
  readonly bumper: GenerationBumper;
  readonly #postgres: SimulatedPostgres;
  readonly #waiting = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  /** Everything committed before this time has been applied, or waits. */
  #applied_ms = performance.now();
  #running: Promise<void> | undefined;

  constructor(url: string, postgres: SimulatedPostgres) {
    this.#postgres = postgres;
    this.cache = new WorkerCache({ url, name: 'worker', database, call_ms: 1_000, onError: ignore });
    this.bumper = new GenerationBumper({
      onShard: (key, call) => this.cache.onShard(key, call),
      now: () => performance.now(),
      behind_ms: () => 0,
    });
    this.#timer = setInterval(() => {
      this.#running ??= this.#beat()
        .catch(ignore)
        .finally(() => (this.#running = undefined));
    }, 100);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Commits changes of keys. They are applied with the next beat. */
  change(...keys: readonly string[]): void {
    for (const key of keys) this.#waiting.set(key, this.#postgres.commit(key));
  }

  async #beat(): Promise<void> {
    const began_ms = performance.now();
    const waiting = [...this.#waiting];
    const outcomes =
      waiting.length === 0
        ? []
        : await this.cache.publisher.invalidate(
            waiting.map(([key, version]) => [THING.cacheKey(key), version]),
          );
    const setAside: string[] = [];
    const slotsAway = new Set<number>();
    for (const [index, [key, version]] of waiting.entries()) {
      const outcome = outcomes[index];
      if (outcome?.status !== 'rejected') {
        if (this.#waiting.get(key) === version) this.#waiting.delete(key);
      } else if (outcome.reason instanceof ShardAway) slotsAway.add(slotOf(THING.cacheKey(key)));
      else setAside.push(THING.cacheKey(key));
    }
    this.#applied_ms = began_ms;
    const blocked = new Set([...slotsAway].map((slot) => this.cache.shards.ofSlot(slot)));
    await Promise.allSettled(
      this.cache.present.map(async (shard) => {
        if (blocked.has(shard)) return;
        const age_ms = performance.now() - this.#applied_ms;
        const now_ms = await shard.connection.time_ms();
        await shard.publisher.heartbeat(now_ms - age_ms, age_ms, { keys: setAside, entities: [] });
      }),
    );
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
    await this.cache.stop();
  }
}

/** A reader that compares each answer with Postgres. */
export class CheckedReader {
  readonly cache: Cache;
  readonly things: EntityCache;
  readonly #postgres: SimulatedPostgres;
  /** Answers that break a rule. */
  readonly violations: string[] = [];
  readonly #served = new Map<string, number>();

  constructor(url: string, postgres: SimulatedPostgres) {
    this.#postgres = postgres;
    this.cache = createCache({ url, name: 'reader', database, onError: ignore });
    this.things = this.cache.define(THING, postgres.load);
  }

  async read(key: string): Promise<Answer> {
    const began_ms = performance.now();
    const answer = await this.things.get(key);
    const { version, source } = answer;
    const least = this.#postgres.versionAt(key, began_ms - timings.bound_ms);
    if (source !== 'stale' && version < least)
      this.violations.push(`${key}: ${version} < ${least} (${source})`);
    const before = this.#served.get(key) ?? 0;
    if (version < before) this.#note(`${key}: ${version} after ${before} (${source})`);
    this.#served.set(key, Math.max(version, before));
    return answer;
  }

  #note(violation: string): void {
    if (this.violations.length < 5) this.violations.push(violation);
  }

  /** How many keys were answered from which source. */
  async sources(keys: readonly string[]): Promise<Partial<Record<Answer['source'], number>>> {
    const answers = await Promise.all(keys.map((key) => this.read(key)));
    const counts: Partial<Record<Answer['source'], number>> = {};
    for (const { source } of answers) counts[source] = (counts[source] ?? 0) + 1;
    return counts;
  }
}
