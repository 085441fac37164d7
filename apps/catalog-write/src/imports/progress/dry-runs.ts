import { type PutOutcome, TemporaryData } from '@catalog/cache';
import { CatalogError, importResultSchema, type ImportResult } from '@catalog/contracts';
import type { Clock, Logger } from '@catalog/service-kit';
import type { Redis } from 'ioredis';
import type { Pool } from 'pg';
import type { ImportFailure, ImportJournal, ImportOutcome, ImportStart } from './import-journal.ts';
import { readImport } from './import-table.ts';
import { importLimits } from '../limits.ts';

export interface DryRunsOptions {
  /** Where a dry run may not take the id of an import. */
  readonly pool: Pool;
  /** The state Redis. */
  readonly redis: Redis;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Dry runs change nothing, and what they found is of use for a while only: it stands in the state Redis, and ends by
 * itself. Without Redis a dry run is answered all the same, and only not found later.
 */
export class DryRuns {
  readonly #options: DryRunsOptions;
  readonly #found: TemporaryData<ImportResult>;

  constructor(options: DryRunsOptions) {
    this.#options = options;
    this.#found = new TemporaryData({
      redis: options.redis,
      kind: 'import-dry-run',
      schema: importResultSchema,
      max_bytes: importLimits.dryRun_bytes,
      maxValues: importLimits.keptDryRuns,
      onUnreadable: (error) => options.log.warn({ err: error }, 'a dry run in Redis cannot be read'),
    });
  }

  /** @throws CatalogError `unavailable`: without Redis nobody knows */
  async read(id: string): Promise<ImportResult | undefined> {
    try {
      return await this.#found.get(id);
    } catch (cause) {
      throw new CatalogError(
        'unavailable',
        'No import has this id; whether a dry run has it cannot be told now.',
        { retryAfterSeconds: 1, cause },
      );
    }
  }

  journal(start: ImportStart): ImportJournal {
    return new DryRunJournal(this.#options, this.#found, start);
  }
}

class DryRunJournal implements ImportJournal {
  readonly #options: DryRunsOptions;
  readonly #found: TemporaryData<ImportResult>;
  readonly #running: ImportResult;
  /** A beat that came after the result would take its place. */
  #ended = false;

  constructor(options: DryRunsOptions, found: TemporaryData<ImportResult>, { id, mode }: ImportStart) {
    this.#options = options;
    this.#found = found;
    this.#running = {
      id,
      mode,
      dryRun: true,
      state: 'running',
      received: 0,
      created: 0,
      updated: 0,
      unchanged: 0,
      failed: 0,
      errors: [],
      startedAt: this.#now(),
      finishedAt: null,
    };
  }

  async start(): Promise<boolean> {
    const { id } = this.#running;
    if ((await readImport(this.#options.pool, id)) !== null) return false;
    const put = this.#found.putNew(id, this.#running, importLimits.abandoned_ms);
    return (await this.#orTold(put)) !== 'taken';
  }

  /** One whose process died is not found any more once it counts as abandoned: there is nothing to know of it. */
  async beat(received: number, failed: number): Promise<void> {
    if (this.#ended) return;
    const progress = { ...this.#running, received, failed };
    await this.#found.put(this.#running.id, progress, importLimits.abandoned_ms);
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
    await this.#orTold(this.#found.put(result.id, result, importLimits.dryRunFound_ms));
    return result;
  }

  async #orTold(put: Promise<PutOutcome>): Promise<PutOutcome | 'away'> {
    const outcome = await put.catch((error: unknown) => {
      this.#tell({ err: error });
      return 'away' as const;
    });
    if (outcome === 'full' || outcome === 'too-large') this.#tell({ outcome });
    return outcome;
  }

  #tell(reason: object): void {
    const importId = this.#running.id;
    this.#options.log.warn({ ...reason, importId }, 'a dry run cannot be kept: it is not found by its id');
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString();
  }
}
