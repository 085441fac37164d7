import { type EntryStore, type PayloadLoader, ShardAway, type WorkerCache } from '@catalog/cache/worker';
import { type AuditResult, timings, type WrongEntry } from '@catalog/contracts';
import { type Part, pause } from '@catalog/runtime';
import { AuditTally, withNewest } from './audit-tally.ts';
import { compareEntries, type ComparedEntry } from './compare-entries.ts';
import { differingMembers, type Difference, isWrong } from './judgement.ts';
import { KeyWalk } from './key-walk.ts';
import { repairEntry, type RepairOptions } from './repair-entry.ts';

/** Keys at a time: a few short reads of each store. */
const batch = 100;
/** Entries that wait for their second look. With more, the feed is so far behind that an audit would say nothing. */
const mostSuspects = 1_000;
/** How long an audit waits for the feed to catch up before it counts entries as undecided. */
export const auditPatience_ms = 5_000;

export interface AuditorOptions extends RepairOptions {
  readonly cache: WorkerCache;
  readonly store: Pick<EntryStore, 'peek'>;
  readonly loads: ReadonlyMap<string, PayloadLoader>;
  /** The time up to which every committed change has been applied, by `performance.now`. */
  readonly watermark_ms: () => number | undefined;
  /** Whether readers read the key from Postgres, since Redis refuses to invalidate it. */
  readonly isSetAside: (entity: string, cacheKey: string) => boolean;
  readonly keysPerSecond: number;
  readonly onFound: (found: { right: number; wrong: Difference[]; undecided: number }) => void;
}

interface Suspect extends ComparedEntry {
  readonly difference: Difference;
  /** A moment after both stores were read, by `performance.now`. */
  readonly seenAt_ms: number;
}

/**
 * Compares cached entries with Postgres, and repairs those that differ. It is always on, at a low rate: if a bug or a person
 * breaks a rule of the protocol, the auditor reports it, and no value stays wrong for hours.
 *
 * An entry that differs is looked at again after a grace time, which ends when the watermark has passed the first look. All that
 * was committed by then has been applied, so an entry that still differs is wrong. A change in progress, or a feed that is
 * behind, raises no false alarm.
 */
export class Auditor implements Part {
  readonly #options: AuditorOptions;
  /** What has been found since the process started. */
  readonly sinceStart = new AuditTally();
  readonly #walk: KeyWalk;
  #suspects: Suspect[] = [];
  #found: readonly WrongEntry[] = [];

  constructor(options: AuditorOptions) {
    this.#options = options;
    this.#walk = new KeyWalk(options.cache);
    options.cache.onIncarnation(() => {
      this.#walk.restart();
      this.#suspects = [];
    });
  }

  /** The wrong entries that it has found, the newest first: between the passes and during them. */
  get found(): readonly WrongEntry[] {
    return this.#found;
  }

  /** Walks over all cached keys, again and again, at `keysPerSecond`. */
  async run(signal: AbortSignal): Promise<void> {
    const { keysPerSecond, cache, onError } = this.#options;
    const count = Math.min(keysPerSecond, batch);
    const rest_ms = (1_000 * count) / keysPerSecond;
    while (!signal.aborted) {
      await pause(rest_ms, signal);
      if (signal.aborted || cache.incarnation === undefined) continue;
      try {
        await this.#judgeRipe();
        // Far behind, the feed has to catch up first.
        if (this.#suspects.length >= mostSuspects) continue;
        const { keys } = await this.#walk.next(count);
        this.#suspects.push(...(await this.#look(keys, this.sinceStart)));
      } catch (error) {
        onError(error);
      }
    }
  }

  /**
   * One pass over all cached keys, as fast as the stores answer.
   *
   * @throws CacheUnavailable if a shard of the cache is away; the errors of the stores, and the reason of the signal when it aborts
   */
  async pass(signal: AbortSignal): Promise<AuditResult> {
    const { cache } = this.#options;
    if (cache.present.length < cache.all.length) throw new ShardAway();
    const tally = new AuditTally();
    const walk = new KeyWalk(cache);
    for (let isEnd = false; !isEnd;) {
      signal.throwIfAborted();
      const next = await walk.next(batch);
      const suspects = await this.#look(next.keys, tally);
      if (suspects.length > 0) await this.#settle(suspects, tally, signal);
      ({ isEnd } = next);
    }
    return tally.result();
  }

  /**
   * Audits one key.
   *
   * @throws as `pass`
   */
  async auditKey(cacheKey: string, signal: AbortSignal): Promise<AuditResult> {
    const tally = new AuditTally();
    const suspects = await this.#look([cacheKey], tally);
    if (suspects.length > 0) await this.#settle(suspects, tally, signal);
    return tally.result();
  }

  async #judgeRipe(): Promise<void> {
    const watermark_ms = this.#options.watermark_ms() ?? Number.NEGATIVE_INFINITY;
    const ripe = this.#suspects.filter(({ seenAt_ms }) => seenAt_ms <= watermark_ms);
    if (ripe.length === 0) return;
    this.#suspects = this.#suspects.filter(({ seenAt_ms }) => seenAt_ms > watermark_ms);
    await this.#judge(ripe, this.sinceStart);
  }

  async #settle(suspects: readonly Suspect[], tally: AuditTally, signal: AbortSignal): Promise<void> {
    const last_ms = Math.max(...suspects.map(({ seenAt_ms }) => seenAt_ms));
    const deadline = performance.now() + auditPatience_ms;
    while ((this.#options.watermark_ms() ?? Number.NEGATIVE_INFINITY) < last_ms) {
      if (performance.now() > deadline) {
        tally.undecided(suspects.length);
        this.#options.onFound({ right: 0, wrong: [], undecided: suspects.length });
        return;
      }
      await pause(timings.heartbeat_ms / 2, signal);
      signal.throwIfAborted();
    }
    await this.#judge(suspects, tally);
  }

  /** The first look. @returns the entries that differ */
  async #look(cacheKeys: readonly string[], tally: AuditTally): Promise<Suspect[]> {
    const { onFound } = this.#options;
    const compared = await compareEntries(cacheKeys, this.#options);
    const seenAt_ms = performance.now();
    const suspects = compared.flatMap((each) =>
      each.difference === undefined ? [] : [{ ...each, difference: each.difference, seenAt_ms }],
    );
    const right = compared.length - suspects.length;
    tally.right(right);
    onFound({ right, wrong: [], undecided: 0 });
    return suspects;
  }

  /** The second look. */
  async #judge(suspects: readonly Suspect[], tally: AuditTally): Promise<void> {
    const cacheKeys = suspects.map(({ cacheKey }) => cacheKey);
    const firstLooks = new Map(suspects.map((suspect) => [suspect.cacheKey, suspect]));
    const wrong: Difference[] = [];
    for (const second of await compareEntries(cacheKeys, this.#options)) {
      const first = firstLooks.get(second.cacheKey);
      const { difference } = second;
      if (first === undefined || difference === undefined || !isWrong({ first, second })) continue;
      wrong.push(difference);
      const { wrongFor_ms, isRepaired } = await repairEntry(second, this.#options);
      const found_ms = Date.now();
      const entry: WrongEntry = {
        key: second.cacheKey,
        difference,
        cachedVersion: second.entry.version,
        version: second.inPostgres.version,
        members: differingMembers(second.entry.payload, second.inPostgres.payload),
        foundAt: new Date(found_ms).toISOString(),
        wrongSince: new Date(Math.max(0, found_ms - wrongFor_ms)).toISOString(),
        isRepaired,
      };
      tally.wrong(entry, wrongFor_ms);
      this.#found = withNewest(entry, this.#found);
    }
    // Entries that are gone, set aside or changed since the first look had a change in progress.
    const right = suspects.length - wrong.length;
    tally.right(right);
    this.#options.onFound({ right, wrong, undecided: 0 });
  }
}
