import { setTimeout as pause } from 'node:timers/promises';
import type {
  CacheConnection,
  EntryStore,
  InvalidationPublisher,
  Load,
  Loaded,
  StoredEntry,
} from '@catalog/cache';
import { limits as cacheLimits } from '@catalog/cache/timings';
import type { Outbox } from '@catalog/change-feed';
import {
  type AuditResult,
  type Entity,
  limits,
  parseCacheKey,
  SKU,
  timings,
  UNCONDITIONAL_VERSION,
} from '@catalog/contracts';
import type { Logger } from '@catalog/service-kit';
import { invalidateNow } from '../invalidate/invalidate-now.ts';
import type { Refresher } from '../refresh/refresh.ts';
import { AuditTally } from './audit-tally.ts';
import { type Difference, differenceOf, isWrong } from './judgement.ts';

interface AuditorOptions {
  readonly connection: CacheConnection;
  readonly store: Pick<EntryStore, 'peek' | 'incarnation'>;
  readonly outbox: Pick<Outbox, 'traces'>;
  readonly loads: ReadonlyMap<string, Load>;
  readonly publisher: Pick<InvalidationPublisher, 'invalidate'>;
  readonly refresher: Pick<Refresher, 'refresh'>;
  /** Up to when every committed change has been applied, in ms of the clock of the cache Redis. */
  readonly watermark_ms: () => number | undefined;
  readonly keysPerSecond: number;
  readonly log: Logger;
  readonly onFound: (found: { right: number; wrong: Difference[]; undecided: number }) => void;
  readonly onError: (error: unknown) => void;
}

interface Subject {
  readonly entity: Entity;
  readonly key: string;
  readonly cacheKey: string;
  readonly entry: StoredEntry;
}

interface Suspect extends Subject {
  readonly loaded: Loaded;
  readonly difference: Difference;
  /** A moment after both were read. */
  readonly seenAt_ms: number;
}

/**
 * Compares what is cached with Postgres, and repairs what differs. Always on, at a low rate: should a rule of the protocol
 * ever be broken, by a bug or by a hand in Redis, somebody knows, and no value stays wrong for hours.
 *
 * An entry that differs is looked at again after a grace. The grace ends when the watermark has passed the first look:
 * whatever was committed by then has been applied, so that an entry that still stands is wrong, and a change under way, or
 * a feed that is behind, is no false alarm.
 */
export class Auditor {
  readonly #options: AuditorOptions;
  readonly #sinceStart = new AuditTally();
  #cursor = '0';
  #suspects: Suspect[] = [];
  #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: AuditorOptions) {
    this.#options = options;
    options.connection.onIncarnation(() => {
      // Another server: its keys are others.
      this.#cursor = '0';
      this.#suspects = [];
    });
  }

  start(): void {
    this.#running = this.#walk(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** What has been found since the process started. */
  get sinceStart(): AuditTally {
    return this.#sinceStart;
  }

  /**
   * One pass over all cached keys, as fast as the stores answer.
   *
   * @throws where a store fails, or the signal is aborted
   */
  async pass(signal: AbortSignal): Promise<AuditResult> {
    const tally = new AuditTally();
    let cursor = '0';
    do {
      signal.throwIfAborted();
      this.#stop.signal.throwIfAborted();
      const [next, suspects] = await this.#lookFrom(cursor, limits.auditBatch, tally);
      cursor = next;
      if (suspects.length > 0) await this.#settle(suspects, tally, signal);
    } while (cursor !== '0');
    return tally.result();
  }

  async #walk(signal: AbortSignal): Promise<void> {
    const { keysPerSecond, onError } = this.#options;
    const count = Math.min(keysPerSecond, limits.auditBatch);
    const rest_ms = (1_000 * count) / keysPerSecond;
    while (!signal.aborted) {
      await pause(rest_ms, undefined, { signal }).catch(() => undefined);
      if (signal.aborted || this.#options.store.incarnation === undefined) continue;
      try {
        await this.#judgeRipe();
        // Far behind, the feed has to catch up first.
        if (this.#suspects.length >= limits.auditSuspects) continue;
        const [next, suspects] = await this.#lookFrom(this.#cursor, count, this.#sinceStart);
        this.#cursor = next;
        this.#suspects.push(...suspects);
      } catch (error) {
        onError(error);
      }
    }
  }

  async #judgeRipe(): Promise<void> {
    const watermark_ms = this.#options.watermark_ms() ?? 0;
    const ripe = this.#suspects.filter(({ seenAt_ms }) => seenAt_ms <= watermark_ms);
    if (ripe.length === 0) return;
    this.#suspects = this.#suspects.filter(({ seenAt_ms }) => seenAt_ms > watermark_ms);
    await this.#judge(ripe, this.#sinceStart);
  }

  async #settle(suspects: readonly Suspect[], tally: AuditTally, signal: AbortSignal): Promise<void> {
    const last_ms = Math.max(...suspects.map(({ seenAt_ms }) => seenAt_ms));
    const deadline = performance.now() + timings.auditPatience_ms;
    while ((this.#options.watermark_ms() ?? 0) < last_ms) {
      if (performance.now() > deadline) {
        tally.undecided(suspects.length);
        this.#options.onFound({ right: 0, wrong: [], undecided: suspects.length });
        return;
      }
      await pause(timings.heartbeat_ms / 2, undefined, { signal });
    }
    await this.#judge(suspects, tally);
  }

  /** @returns the next cursor, and what differs at the first look */
  async #lookFrom(cursor: string, count: number, tally: AuditTally): Promise<[string, Suspect[]]> {
    const { connection, onFound } = this.#options;
    const [next, cacheKeys] = await connection.redis.scan(cursor, 'COUNT', count);
    const subjects = await this.#peekAll(cacheKeys);
    const loaded = await this.#loadAll(subjects);
    const seenAt_ms = await connection.time_ms();
    const suspects: Suspect[] = [];
    for (const [index, subject] of subjects.entries()) {
      const there = loaded[index];
      if (there === undefined) continue;
      const difference = differenceOf(subject.entry, there);
      if (difference !== undefined) suspects.push({ ...subject, loaded: there, difference, seenAt_ms });
    }
    const right = subjects.length - suspects.length;
    tally.right(right);
    onFound({ right, wrong: [], undecided: 0 });
    return [next, suspects];
  }

  /** The second look. */
  async #judge(suspects: readonly Suspect[], tally: AuditTally): Promise<void> {
    const { onFound } = this.#options;
    const again = await this.#peekAll(suspects.map(({ cacheKey }) => cacheKey));
    const loaded = await this.#loadAll(again);
    const firstLooks = new Map(suspects.map((suspect) => [suspect.cacheKey, suspect]));
    const wrong: Difference[] = [];
    for (const [index, subject] of again.entries()) {
      const first = firstLooks.get(subject.cacheKey);
      const there = loaded[index];
      if (first === undefined || there === undefined) continue;
      const difference = differenceOf(subject.entry, there);
      const looks = { first, second: { entry: subject.entry, loaded: there } };
      if (difference === undefined || !isWrong(looks)) continue;
      wrong.push(difference);
      await this.#repair(subject, there, difference, tally);
    }
    // What is gone or has changed meanwhile was under way.
    const right = suspects.length - wrong.length;
    tally.right(right);
    onFound({ right, wrong, undecided: 0 });
  }

  /** As any change: the key is invalidated and announced; then it is read again. Never deleted behind the protocol's back. */
  async #repair(
    { entity, key, cacheKey, entry }: Subject,
    loaded: Loaded,
    difference: Difference,
    tally: AuditTally,
  ): Promise<void> {
    const { connection, outbox, publisher, refresher, log, onError } = this.#options;
    const [trace] = await outbox.traces(entity.name, key, 1);
    const standing_ms = (await connection.time_ms()) - entry.storedAt_ms;
    const changed_ms =
      trace === undefined ? Number.POSITIVE_INFINITY : Date.now() - Date.parse(trace.changedAt);
    const age_ms = Math.max(0, Math.min(standing_ms, changed_ms));
    tally.wrong(difference, age_ms);
    log.error(
      { key: cacheKey, difference, cachedVersion: entry.version, version: loaded.version, age_ms },
      'the auditor found a wrong entry in the cache',
    );
    const isOrdered = difference === 'older' && entity.name !== SKU.name;
    await invalidateNow(publisher, [[cacheKey, isOrdered ? loaded.version : UNCONDITIONAL_VERSION]]);
    tally.repaired();
    // Best effort: the next reader fills it as well.
    await refresher.refresh([{ entity: entity.name, key }]).catch(onError);
  }

  /** The entries that a reader of this release might serve. */
  async #peekAll(cacheKeys: readonly string[]): Promise<Subject[]> {
    const { store, loads } = this.#options;
    const subjects = await Promise.all(
      cacheKeys.map(async (cacheKey) => {
        const parsed = parseCacheKey(cacheKey);
        if (parsed === undefined || !loads.has(parsed.entity.name)) return [];
        const entry = await store.peek(cacheKey);
        if (typeof entry === 'string' || !entry.isOfThisIncarnation) return [];
        if (entry.payloadSchema !== parsed.entity.payloadSchema) return [];
        return entry.state === 'value' || entry.state === 'missing' ? [{ ...parsed, cacheKey, entry }] : [];
      }),
    );
    return subjects.flat();
  }

  async #loadAll(subjects: readonly Subject[]): Promise<(Loaded | undefined)[]> {
    const byEntity = Map.groupBy(subjects, ({ entity }) => entity.name);
    const loaded = new Map<string, Loaded>();
    for (const [name, some] of byEntity) {
      const load = this.#options.loads.get(name);
      for (let start = 0; start < some.length; start += cacheLimits.loadBatch) {
        const keys = some.slice(start, start + cacheLimits.loadBatch).map(({ key }) => key);
        for (const [key, value] of (await load?.(keys)) ?? []) loaded.set(`${name} ${key}`, value);
      }
    }
    return subjects.map(({ entity, key }) => loaded.get(`${entity.name} ${key}`));
  }
}
