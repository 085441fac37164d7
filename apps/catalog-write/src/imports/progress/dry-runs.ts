import { type PutOutcome, TemporaryData } from '@catalog/redis';
import { CatalogError, importResultSchema, type ImportResult } from '@catalog/contracts';
import type { Clock, Logger } from '@catalog/service-kit';
import type { Redis } from 'ioredis';
import type { Pool } from 'pg';
import type { ImportFailure, ImportJournal, ImportOutcome, ImportStart } from './import-journal.ts';
import { readImport } from './import-table.ts';
import { importLimits } from '../limits.ts';

export interface DryRunsOptions {
  /** For imports: a dry run may not use the id of one. */
  readonly pool: Pool;
  /** The state Redis. */
  readonly redis: Redis;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The results of dry runs. They are useful for a while only, so they are kept in the state Redis and expire there. While
 * Redis is away, a dry run is still answered, but nobody can read its result later.
 */
export class DryRuns {
  readonly #options: DryRunsOptions;
  readonly #results: TemporaryData<ImportResult>;

  constructor(options: DryRunsOptions) {
    this.#options = options;
    this.#results = new TemporaryData({
      redis: options.redis,
      kind: 'import-dry-run',
      schema: importResultSchema,
      max_bytes: importLimits.dryRun_bytes,
      maxValues: importLimits.keptDryRuns,
      maxPerOwner: importLimits.keptDryRunsPerCaller,
      onUnreadable: (error) =>
        options.log.warn({ err: error }, 'the result of a dry run in the state Redis cannot be read'),
    });
  }

  /** @throws CatalogError `unavailable` while Redis is away, because then nobody knows whether a dry run has the id */
  async read(id: string): Promise<ImportResult | undefined> {
    try {
      return await this.#results.get(id);
    } catch (cause) {
      throw new CatalogError(
        'unavailable',
        'No import has this id. Whether a dry run has it is unknown while the state Redis does not answer.',
        { retryAfterSeconds: 1, cause },
      );
    }
  }

  journal(start: ImportStart): ImportJournal {
    return new DryRunJournal(this.#options, this.#results, start);
  }
}

class DryRunJournal implements ImportJournal {
  readonly #options: DryRunsOptions;
  readonly #results: TemporaryData<ImportResult>;
  readonly #running: ImportResult;
  readonly #owner: string;
  /** Set before the result is written: a later heartbeat would overwrite the result. */
  #ended = false;

  constructor(options: DryRunsOptions, results: TemporaryData<ImportResult>, start: ImportStart) {
    this.#options = options;
    this.#results = results;
    this.#owner = start.callerKey;
    this.#running = {
      id: start.id,
      mode: start.mode,
      onExisting: start.onExisting,
      onMissing: start.onMissing,
      dryRun: true,
      state: 'running',
      received: 0,
      created: 0,
      updated: 0,
      unchanged: 0,
      skipped: 0,
      failed: 0,
      errors: [],
      changes: null,
      transaction: null,
      startedAt: this.#now(),
      finishedAt: null,
    };
  }

  async start(): Promise<boolean> {
    const { id } = this.#running;
    if ((await readImport(this.#options.pool, id)) !== null) return false;
    const put = this.#results.putNew(id, this.#owner, this.#running, importLimits.abandoned_ms);
    return (await this.#logUnlessStored(put)) !== 'taken';
  }

  /** The entry of a dry run whose process died expires as soon as the dry run counts as abandoned. */
  async beat(received: number, failed: number): Promise<void> {
    if (this.#ended) return;
    const progress = { ...this.#running, received, failed };
    await this.#results.put(this.#running.id, this.#owner, progress, importLimits.abandoned_ms);
  }

  async finish(outcome: ImportOutcome): Promise<ImportResult> {
    return this.#end({ ...this.#running, ...outcome, errors: [...outcome.errors], finishedAt: this.#now() });
  }

  async fail(failure: ImportFailure): Promise<boolean> {
    const errors = [...failure.errors];
    await this.#end({ ...this.#running, ...failure, state: 'failed', errors, finishedAt: this.#now() });
    return true;
  }

  async #end(result: ImportResult): Promise<ImportResult> {
    this.#ended = true;
    await this.#logUnlessStored(
      this.#results.put(result.id, this.#owner, result, importLimits.dryRunResult_ms),
    );
    return result;
  }

  async #logUnlessStored(put: Promise<PutOutcome>): Promise<PutOutcome | 'away'> {
    const outcome = await put.catch((error: unknown) => {
      this.#warn({ err: error });
      return 'away' as const;
    });
    if (outcome === 'full' || outcome === 'too-large') this.#warn({ outcome });
    return outcome;
  }

  #warn(reason: object): void {
    const importId = this.#running.id;
    this.#options.log.warn({ ...reason, importId }, 'the result of a dry run was not stored');
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString();
  }
}
