import { timings as feedTimings } from '@catalog/contracts';
import { timings } from '../../src/timings.ts';
import type { Answer } from '../../src/reading/entity-cache.ts';
import type { Slot } from '../protocol/entry-protocol.ts';
import { ModelRedis } from './model-redis.ts';
import { type Commit, Primary } from './primary.ts';
import { type Breakable, ENTITY, SimulatedProcess } from './process.ts';
import { Underway } from './underway.ts';

interface Change {
  readonly commit: Commit;
  isApplied: boolean;
  isAcknowledged: boolean;
}

interface Read {
  readonly index: number;
  readonly key: string;
  answer: Answer | undefined;
}

/** Two readers, a worker, Redis and Postgres, and the rules that hold whatever happens between them. */
export class World {
  readonly redis = new ModelRedis();
  readonly underway = new Underway();
  readonly primary = new Primary(this.underway);
  readonly processes: readonly SimulatedProcess[];
  readonly #changes: Change[] = [];
  readonly #applied = new Map<string, number>();
  readonly #servedBy: readonly Map<string, number>[];
  readonly #seenByClient = new Map<string, number>();
  #workerIncarnation: string | undefined = this.redis.incarnation;
  #sequence = 0;
  #saved: ReadonlyMap<string, Slot> = new Map();
  readonly story: string[] = [];
  readonly violations: string[] = [];

  readonly #isNarrow: boolean;

  constructor(broken: Breakable, isNarrow: boolean) {
    this.#isNarrow = isNarrow;
    this.processes = [0, 1].map(
      () => new SimulatedProcess(this.redis, this.underway, this.primary.load, broken),
    );
    this.#servedBy = this.processes.map(() => new Map());
  }

  reconnect(): void {
    this.workerLearns();
    for (const process of this.processes) {
      process.learn();
      process.subscribe();
    }
  }

  /** Everything that is under way, and then what that has set off. */
  goOn(times: number): void {
    for (let i = 0; i < times; i++) {
      for (let n = this.underway.size; n > 0; n--) this.release(0);
    }
  }

  release(nth: number): void {
    const what = this.underway.release(nth);
    if (what !== undefined) this.story.push(`    ${what}`);
  }

  setPrimary(isUp: boolean): void {
    this.primary.isUp = isUp;
  }

  commit(anyKey: string, isDelete: boolean): void {
    const key = this.#isNarrow ? 'a' : anyKey;
    const commit = this.primary.commit(key, isDelete);
    this.#changes.push({ commit, isApplied: false, isAcknowledged: false });
  }

  /** The worker invalidates the nth change that is not acknowledged, or any one again. */
  apply(nth: number, again: boolean): void {
    const waiting = this.#changes.filter((change) => again || !change.isApplied);
    const change = waiting[nth % Math.max(1, waiting.length)];
    if (change === undefined || this.#workerIncarnation === undefined || !this.redis.isUp) return;
    const { key, version } = change.commit;
    this.story.push(`    invalidate(${key}, ${version})`);
    const invalidation = { incarnation: this.#workerIncarnation, version, dead_ms: timings.deadTtl_ms };
    this.redis.run(ENTITY.cacheKey(key), { kind: 'invalidate', ...invalidation });
    change.isApplied = true;
    this.#applied.set(key, Math.max(version, this.#applied.get(key) ?? 0));
  }

  catchUp(): void {
    for (let waiting = this.#changes.length; waiting > 0; waiting--) this.apply(0, false);
    this.announce(false);
  }

  /** The worker announces what it has invalidated, and acknowledges it unless that fails. */
  announce(fails: boolean): void {
    const incarnation = this.#workerIncarnation;
    const changes = this.#changes.filter(({ isApplied, isAcknowledged }) => isApplied && !isAcknowledged);
    if (changes.length === 0 || incarnation === undefined) return;
    this.#sequence += 1;
    if (fails || !this.redis.isUp) return;
    const keys = changes.map(({ commit }) => [ENTITY.cacheKey(commit.key), commit.version] as const);
    for (const process of this.processes) {
      process.publish({ publisher: 'worker', sequence: this.#sequence, incarnation, keys });
    }
    for (const change of changes) change.isAcknowledged = true;
  }

  heartbeat(): void {
    const incarnation = this.#workerIncarnation;
    if (incarnation === undefined || !this.redis.isUp) return;
    // As life.lua has it.
    if (incarnation !== this.redis.incarnation) {
      this.workerLearns();
      return;
    }
    const oldest = this.#changes.find(({ isAcknowledged }) => !isAcknowledged);
    const watermarkAge_ms = oldest === undefined ? 0 : Date.now() - oldest.commit.at_ms + 1;
    this.#sequence += 1;
    const sequence = this.#sequence;
    for (const process of this.processes) {
      process.publish({ publisher: 'worker', sequence, incarnation, watermarkAge_ms });
    }
  }

  /** The worker learns of another life, and applies again all that is in the replay window. */
  workerLearns(): void {
    if (!this.redis.isUp || this.#workerIncarnation === this.redis.incarnation) return;
    this.#workerIncarnation = this.redis.incarnation;
    for (const change of this.#changes) {
      if (Date.now() - change.commit.at_ms > feedTimings.replayWindow_ms) continue;
      change.isApplied = false;
      change.isAcknowledged = false;
    }
  }

  save(): void {
    this.#saved = this.redis.snapshot();
  }

  /** Another server, or the same one with an old dump; `connectionsStay`: promoted where it stands, after it took over old data. */
  beginLife(connectionsStay: boolean): void {
    this.redis.beginLife(this.#saved);
    if (connectionsStay) return;
    this.#workerIncarnation = undefined;
    for (const process of this.processes) {
      process.cutCommands();
      process.cutChannel();
    }
  }

  setRedis(isUp: boolean): void {
    this.redis.isUp = isUp;
    if (isUp) return;
    this.#workerIncarnation = undefined;
    for (const process of this.processes) {
      process.cutCommands();
      process.cutChannel();
    }
  }

  /** A client that sends Min-Version asks for no less than it has seen, or than was committed. */
  read(anyProcess: number, anyKey: string, client: 'any' | 'monotonic' | 'writer'): void {
    const index = this.#isNarrow ? 0 : anyProcess;
    const key = this.#isNarrow ? 'a' : anyKey;
    const process = this.processes[index];
    if (process === undefined) return;
    const minVersion =
      client === 'any'
        ? 0
        : client === 'monotonic'
          ? (this.#seenByClient.get(key) ?? 0)
          : (this.primary.newest(key)?.version ?? 0);
    const began_ms = Date.now();
    const judge = (answer: Answer) => {
      this.#judge(index, key, answer, minVersion, began_ms);
      if (client === 'monotonic') {
        this.#seenByClient.set(key, Math.max(answer.version, this.#seenByClient.get(key) ?? 0));
      }
    };
    const near = process.cache.getNear(key, minVersion);
    if (near === undefined) process.cache.get(key, { minVersion }).then(judge, () => undefined);
    else judge(near);
  }

  readAll(): readonly Read[] {
    const keys = new Set(this.primary.commits.map(({ key }) => key));
    return this.processes.flatMap((process, index) =>
      [...keys].map((key) => {
        const read: Read = { index, key, answer: undefined };
        process.cache.get(key).then(
          (answer) => (read.answer = answer),
          () => undefined,
        );
        return read;
      }),
    );
  }

  judgeHealed(reads: readonly Read[]): void {
    for (const { index, key, answer } of reads) {
      const newest = this.primary.newest(key)?.version ?? 0;
      if (answer?.version === newest && answer.source !== 'stale') continue;
      const what = answer === undefined ? 'nothing' : `version ${answer.version} (${answer.source})`;
      this.violations.push(`healed: process ${index} answers ${key} with ${what} instead of ${newest}`);
    }
  }

  /** As by SKU: the caller reads the primary in its own way, and hands over what it found. */
  async adopt(anyProcess: number): Promise<void> {
    const index = this.#isNarrow ? 0 : anyProcess;
    const cache = this.processes[index]?.cache;
    const began_ms = Date.now();
    for (let attempt = 0; attempt < 3; attempt++) {
      const loaded = (await this.primary.load(['a'])).get('a');
      const answer = loaded && (await cache?.adopt('a', loaded));
      if (answer === undefined) continue;
      this.#judge(index, 'a', answer, 0, began_ms);
      return;
    }
  }

  #judge(index: number, key: string, answer: Answer, minVersion: number, began_ms: number): void {
    const { version, payload, source } = answer;
    this.story.push(`    process ${index} answers ${key} in version ${version} (${source})`);
    const served = this.#servedBy[index];
    const before = served?.get(key) ?? 0;
    const told = `process ${index} served ${key} in version ${version} (${source})`;
    if (version < before) this.violations.push(`rule 1: ${told} after version ${before}`);
    served?.set(key, Math.max(before, version));
    if (version < minVersion) this.violations.push(`rule 4: ${told} though ${minVersion} was asked for`);
    const overdue = this.primary.commits.find(
      (commit) =>
        commit.key === key && commit.version > version && commit.at_ms < began_ms - timings.bound_ms,
    );
    if (overdue !== undefined && source !== 'stale') {
      const age_ms = began_ms - overdue.at_ms;
      this.violations.push(
        `rule 3: ${told}, though version ${overdue.version} had been there for ${age_ms} ms`,
      );
    }
    const row = this.primary.commits.find((commit) => commit.key === key && commit.version === version);
    const truth = row === undefined || row.isDelete ? null : String(version);
    if ((payload?.toString() ?? null) !== truth)
      this.violations.push(`${told} with the body ${payload?.toString()}`);
  }

  /** Rule 2, in the state as it is. */
  checkStores(): void {
    for (const [key, version] of this.#applied) {
      const entry = this.redis.at(ENTITY.cacheKey(key));
      const isLive = entry?.state === 'V' || entry?.state === 'M';
      if (isLive && entry.incarnation === this.redis.incarnation && entry.version < version) {
        this.violations.push(
          `rule 2: Redis holds ${key} in version ${entry.version} after invalidate(${version})`,
        );
      }
    }
  }
}
