import type { CacheConnection, EntryStore, PayloadLoader } from '@catalog/cache/worker';
import { type AuditResult, timings } from '@catalog/contracts';
import { type Part, pause } from '@catalog/runtime';
import { AuditTally } from './audit-tally.ts';
import { compareEntries, type ComparedEntry } from './compare-entries.ts';
import { type Difference, isWrong } from './judgement.ts';
import { repairEntry, type RepairOptions } from './repair-entry.ts';

/** Keys at a time: a few short reads of each store. */
const batch = 100;
/** Entries that wait for their second look. With more, the feed is so far behind that an audit would say nothing. */
const mostSuspects = 1_000;
/** How long an audit waits for the feed to catch up before it counts entries as undecided. */
export const auditPatience_ms = 5_000;

export interface AuditorOptions extends RepairOptions {
  readonly cache: CacheConnection;
  readonly store: Pick<EntryStore, 'peek'>;
  readonly loads: ReadonlyMap<string, PayloadLoader>;
  /** The time up to which every committed change has been applied, by the clock of the cache Redis. */
  readonly watermark_ms: () => number | undefined;
  readonly keysPerSecond: number;
  readonly onFound: (found: { right: number; wrong: Difference[]; undecided: number }) => void;
}

interface Suspect extends ComparedEntry {
  readonly difference: Difference;
  /** A moment after both stores were read. */
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
  #cursor = '0';
  #suspects: Suspect[] = [];

  constructor(options: AuditorOptions) {
    this.#options = options;
    options.cache.onIncarnation(() => {
      // Another server has other keys.
      this.#cursor = '0';
      this.#suspects = [];
    });
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
        const [next, suspects] = await this.#lookFrom(this.#cursor, count, this.sinceStart);
        this.#cursor = next;
        this.#suspects.push(...suspects);
      } catch (error) {
        onError(error);
      }
    }
  }

  /**
   * One pass over all cached keys, as fast as the stores answer.
   *
   * @throws the errors of the stores, and the reason of the signal when it aborts
   */
  async pass(signal: AbortSignal): Promise<AuditResult> {
    const tally = new AuditTally();
    let cursor = '0';
    do {
      signal.throwIfAborted();
      const [next, suspects] = await this.#lookFrom(cursor, batch, tally);
      cursor = next;
      if (suspects.length > 0) await this.#settle(suspects, tally, signal);
    } while (cursor !== '0');
    return tally.result();
  }

  async #judgeRipe(): Promise<void> {
    const watermark_ms = this.#options.watermark_ms() ?? 0;
    const ripe = this.#suspects.filter(({ seenAt_ms }) => seenAt_ms <= watermark_ms);
    if (ripe.length === 0) return;
    this.#suspects = this.#suspects.filter(({ seenAt_ms }) => seenAt_ms > watermark_ms);
    await this.#judge(ripe, this.sinceStart);
  }

  async #settle(suspects: readonly Suspect[], tally: AuditTally, signal: AbortSignal): Promise<void> {
    const last_ms = Math.max(...suspects.map(({ seenAt_ms }) => seenAt_ms));
    const deadline = performance.now() + auditPatience_ms;
    while ((this.#options.watermark_ms() ?? 0) < last_ms) {
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

  /** The first look. @returns the next cursor, and the entries that differ */
  async #lookFrom(cursor: string, count: number, tally: AuditTally): Promise<[string, Suspect[]]> {
    const { cache, onFound } = this.#options;
    const [next, cacheKeys] = await cache.redis.scan(cursor, 'COUNT', count);
    const compared = await compareEntries(cacheKeys, this.#options);
    const seenAt_ms = await cache.time_ms();
    const suspects = compared.flatMap((each) =>
      each.difference === undefined ? [] : [{ ...each, difference: each.difference, seenAt_ms }],
    );
    const right = compared.length - suspects.length;
    tally.right(right);
    onFound({ right, wrong: [], undecided: 0 });
    return [next, suspects];
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
      tally.wrong(difference, await repairEntry(second, this.#options));
      tally.repaired();
    }
    // Entries that are gone or have changed since the first look had a change in progress.
    const right = suspects.length - wrong.length;
    tally.right(right);
    this.#options.onFound({ right, wrong, undecided: 0 });
  }
}
