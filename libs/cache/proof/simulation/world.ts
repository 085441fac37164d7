import { timings } from '../../src/timings.ts';
import type { Answer } from '../../src/reading/answer.ts';
import type { Heartbeat, Invalidation } from '../../src/channel/messages.ts';
import { isLive, type KeyContent } from '../protocol/entry-protocol.ts';
import { ModelRedis } from './model-redis.ts';
import { CallsInFlight } from './calls-in-flight.ts';
import { type Commit, ModelPrimary } from './model-primary.ts';
import { ENTITY, type Replacements, SimulatedProcess } from './simulated-process.ts';

/** How long the change feed can apply a change again. The same number as in libs/change-feed/src/timings.ts. */
const replayWindow_ms = 300_000;

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

/** Two reading processes, a worker, Redis and Postgres, and the rules that every schedule must keep. */
export class World {
  readonly redis = new ModelRedis();
  readonly inFlight = new CallsInFlight();
  readonly primary = new ModelPrimary(this.inFlight);
  readonly processes: readonly SimulatedProcess[];
  readonly #changes: Change[] = [];
  readonly #applied = new Map<string, number>();
  /** Keys that Redis refuses to invalidate. */
  readonly #refused = new Set<string>();
  /** By key: the highest version that Redis has refused. Its changes count as applied. */
  readonly #setAside = new Map<string, number>();
  readonly #servedBy: readonly Map<string, number>[];
  /** By process and key: in which incarnation of Postgres it last served the key. */
  readonly #servableIn: readonly Map<string, number>[];
  readonly #seenByClient = new Map<string, number>();
  #workerIncarnation: string | undefined = this.#incarnation;
  #sequence = 0;
  #heldUpSince_ms: number | undefined;
  #replica: ReadonlyMap<string, KeyContent> = new Map();
  readonly story: string[] = [];
  readonly violations: string[] = [];

  readonly #isNarrow: boolean;

  constructor(replaced: Replacements, isNarrow: boolean) {
    this.#isNarrow = isNarrow;
    this.processes = [0, 1].map(
      () => new SimulatedProcess(this.redis, this.inFlight, this.primary, replaced),
    );
    this.#servedBy = this.processes.map(() => new Map());
    this.#servableIn = this.processes.map(() => new Map());
  }

  /** Of both stores. */
  get #incarnation(): string {
    return `${this.redis.incarnation}/${this.primary.incarnation}`;
  }

  /** Postgres fails over to a state without the newest commits, or is restored to it. */
  goBack(commits: number): void {
    this.primary.goBack(commits);
    const kept = this.#changes.filter(({ commit }) => this.primary.commits.includes(commit));
    this.#changes.splice(0, this.#changes.length, ...kept);
    for (const [key, version] of this.#setAside) {
      const left = Math.min(version, this.primary.newest(key)?.version ?? 0);
      if (left === 0) this.#setAside.delete(key);
      else this.#setAside.set(key, left);
    }
    for (const key of this.#applied.keys()) {
      const version = kept.findLast(({ commit, isApplied }) => isApplied && commit.key === key)?.commit
        .version;
      this.#applied.set(key, version ?? 0);
    }
  }

  reconnect(): void {
    this.workerLearns();
    for (const process of this.processes) {
      process.learn();
      process.subscribe();
    }
  }

  /** Each round continues the calls in flight; the next round continues the calls that these caused. */
  continueAll(times: number): void {
    for (let i = 0; i < times; i++) {
      for (let n = this.inFlight.size; n > 0; n--) this.release(0);
    }
  }

  release(nth: number): void {
    const name = this.inFlight.release(nth);
    if (name !== undefined) this.story.push(`    ${name}`);
  }

  setPrimary(isUp: boolean): void {
    this.primary.isUp = isUp;
  }

  /** A change that no process reads is committed now, and the worker cannot apply it. */
  holdUpFeed(): void {
    this.#heldUpSince_ms ??= Date.now();
  }

  releaseFeed(): void {
    this.#heldUpSince_ms = undefined;
  }

  commit(anyKey: string, isDelete: boolean): void {
    const key = this.#isNarrow ? 'a' : anyKey;
    const commit = this.primary.commit(key, isDelete);
    this.#changes.push({ commit, isApplied: false, isAcknowledged: false });
  }

  /** The worker applies the nth change that waits; with `again`, the nth of all changes. */
  apply(nth: number, again: boolean): void {
    const waiting = this.#changes.filter((change) => again || !change.isApplied);
    const change = waiting[nth % Math.max(1, waiting.length)];
    if (change === undefined || this.#workerIncarnation === undefined || !this.redis.isUp) return;
    const { key, version } = change.commit;
    change.isApplied = true;
    if (this.#refused.has(key)) {
      this.story.push(`    Redis refuses to invalidate ${key}, so it is set aside`);
      this.#setAside.set(key, Math.max(version, this.#setAside.get(key) ?? 0));
      change.isAcknowledged = true;
      return;
    }
    this.#invalidate(key, version, this.#workerIncarnation);
  }

  #invalidate(key: string, version: number, incarnation: string): void {
    this.story.push(`    invalidate(${key}, ${version})`);
    const invalidation = { incarnation, version, dead_ms: timings.deadTtl_ms };
    this.redis.run(ENTITY.cacheKey(key), { kind: 'invalidate', ...invalidation });
    this.#applied.set(key, Math.max(version, this.#applied.get(key) ?? 0));
  }

  setRefused(anyKey: string, isRefused: boolean): void {
    const key = this.#isNarrow ? 'a' : anyKey;
    if (isRefused) this.#refused.add(key);
    else this.#refused.delete(key);
  }

  allowAll(): void {
    this.#refused.clear();
  }

  /** The worker tries again to invalidate the keys that are set aside. */
  retrySetAside(): void {
    const incarnation = this.#workerIncarnation;
    if (incarnation === undefined || !this.redis.isUp) return;
    for (const [key, version] of this.#setAside) {
      if (this.#refused.has(key)) continue;
      this.#invalidate(key, version, incarnation);
      this.#publish({ incarnation, keys: [[ENTITY.cacheKey(key), version]] });
      this.#setAside.delete(key);
    }
  }

  #publish(
    message: Omit<Invalidation, 'publisher' | 'sequence'> | Omit<Heartbeat, 'publisher' | 'sequence'>,
  ): void {
    this.#sequence += 1;
    for (const process of this.processes)
      process.publish({ ...message, publisher: 'worker', sequence: this.#sequence });
  }

  catchUp(): void {
    this.retrySetAside();
    for (let waiting = this.#changes.length; waiting > 0; waiting--) this.apply(0, false);
    this.publishInvalidations(false);
  }

  /** The worker publishes what it has invalidated. If that works, it acknowledges the changes. */
  publishInvalidations(fails: boolean): void {
    const incarnation = this.#workerIncarnation;
    const changes = this.#changes.filter(({ isApplied, isAcknowledged }) => isApplied && !isAcknowledged);
    if (changes.length === 0 || incarnation === undefined) return;
    if (fails || !this.redis.isUp) {
      this.#sequence += 1;
      return;
    }
    const keys = changes.map(({ commit }) => [ENTITY.cacheKey(commit.key), commit.version] as const);
    this.#publish({ incarnation, keys });
    for (const change of changes) change.isAcknowledged = true;
  }

  heartbeat(): void {
    const incarnation = this.#workerIncarnation;
    if (incarnation === undefined || !this.redis.isUp) return;
    // As the script does, which refuses another Redis, and the look, which answers the incarnation of Postgres.
    if (incarnation !== this.#incarnation) {
      this.workerLearns();
      return;
    }
    const oldest =
      this.#changes.find(({ isAcknowledged }) => !isAcknowledged)?.commit.at_ms ?? Date.now() + 1;
    const watermark_ms = Math.min(oldest, this.#heldUpSince_ms ?? oldest) - 1;
    const watermarkAge_ms = Date.now() - watermark_ms;
    const keys = [...this.#setAside.keys()].map((key) => ENTITY.cacheKey(key));
    this.#publish({ incarnation, watermarkAge_ms, setAside: { keys, entities: [] } });
  }

  /** The worker learns another incarnation and applies again all changes of the replay window. */
  workerLearns(): void {
    if (!this.redis.isUp || !this.primary.isUp || this.#workerIncarnation === this.#incarnation) return;
    this.#workerIncarnation = this.#incarnation;
    for (const change of this.#changes) {
      if (Date.now() - change.commit.at_ms > replayWindow_ms) continue;
      change.isApplied = false;
      change.isAcknowledged = false;
    }
  }

  copyToReplica(): void {
    this.#replica = this.redis.snapshot();
  }

  /**
   * Another server takes over, or the same one with an old dump. With `connectionsStay` the same server loads the
   * old data and is promoted again, so nobody is disconnected.
   */
  beginIncarnation(connectionsStay: boolean): void {
    this.redis.beginIncarnation(this.#replica);
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

  /** Min-Version by client: `any` sends none, `monotonic` the version it saw last, `writer` the newest commit. */
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
    const servableIn = minVersion === 0 ? this.#servableIncarnation(index, key) : undefined;
    const isDemandLost = () => this.primary.isLost(key, minVersion);
    const judge = (answer: Answer) => {
      this.#judge(index, key, answer, isDemandLost() ? 0 : minVersion, began_ms);
      if (client === 'monotonic') {
        this.#seenByClient.set(key, Math.max(answer.version, this.#seenByClient.get(key) ?? 0));
      }
    };
    const near = process.cache.near.get(key, minVersion);
    const refuse = (error: unknown) => {
      // Other keys displace each other in the near cache.
      if (this.#isNarrow && servableIn !== undefined && servableIn === this.#servableIncarnation(index, key))
        this.violations.push(`rule 7: process ${index} had served ${key}, and now answers: ${String(error)}`);
    };
    if (near === undefined) process.cache.get(key, { minVersion }).then(judge, refuse);
    else judge(near);
  }

  /** Of Postgres: in it the process has served the key, so it must be able to do so again, marked stale if need be. */
  #servableIncarnation(index: number, key: string): number | undefined {
    const incarnation = this.#servableIn[index]?.get(key);
    return incarnation === this.processes[index]?.databaseIncarnation ? incarnation : undefined;
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
      this.violations.push(
        `after all faults: process ${index} answers ${key} with ${what} instead of version ${newest}`,
      );
    }
  }

  /** The path of a read by SKU: the caller reads the primary itself and hands the row to the cache. */
  async admitPrimaryRead(anyProcess: number): Promise<void> {
    const index = this.#isNarrow ? 0 : anyProcess;
    const cache = this.processes[index]?.cache;
    const began_ms = Date.now();
    const process = this.processes[index];
    for (let attempt = 0; attempt < 3; attempt++) {
      const start = process?.cache.startPrimaryRead();
      const loaded = (await process?.load(['a']))?.get('a');
      const answer = loaded && start && (await cache?.admitPrimaryRead('a', loaded, start));
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
    const isLost = this.primary.isLost(key, version);
    const answered = `process ${index} served ${key} in version ${version} (${source})`;
    if (version < before && !this.primary.isLost(key, before))
      this.violations.push(`rule 1: ${answered} after version ${before}`);
    if (isLost && this.processes[index]?.knowsDatabase === true)
      this.violations.push(
        `rule 6: ${answered}, which Postgres has lost, though the process knew that it went back`,
      );
    served?.set(key, this.primary.isLost(key, before) ? version : Math.max(before, version));
    const servable = this.#servableIn[index];
    // While its incarnation is unknown, an answer counts only until that is known.
    if (answer.unprovedStamp !== undefined) servable?.delete(key);
    else servable?.set(key, this.processes[index]?.databaseIncarnation ?? 0);
    if (version < minVersion)
      this.violations.push(`rule 4: ${answered} though Min-Version was ${minVersion}`);
    const overdue = this.primary.commits.find(
      (commit) =>
        commit.key === key && commit.version > version && commit.at_ms < began_ms - timings.bound_ms,
    );
    if (overdue !== undefined && source !== 'stale') {
      const age_ms = began_ms - overdue.at_ms;
      this.violations.push(
        `rule 3: ${answered}, though version ${overdue.version} was committed ${age_ms} ms before`,
      );
    }
    const row = [...this.primary.commits, ...this.primary.lost].find(
      (commit) => commit.key === key && commit.version === version,
    );
    const truth = row === undefined || row.isDelete ? null : String(version);
    if ((payload?.toString() ?? null) !== truth)
      this.violations.push(`${answered} with the wrong payload ${payload?.toString()}`);
  }

  /** Checks rule 2 in the present state. */
  checkStores(): void {
    for (const [key, version] of this.#applied) {
      const entry = this.redis.at(ENTITY.cacheKey(key));
      if (entry === undefined || !isLive(entry)) continue;
      if (entry.incarnation === this.#incarnation && entry.version < version) {
        this.violations.push(
          `rule 2: Redis holds ${key} in version ${entry.version} after invalidate(${version})`,
        );
      }
    }
  }
}
