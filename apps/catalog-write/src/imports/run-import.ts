import { CatalogError, type ImportResult } from '@catalog/contracts';
import type { Clock, Logger } from '@catalog/service-kit';
import type { Pool } from 'pg';
import type { ApplyTurns } from './apply/apply-turns.ts';
import { apply, preview } from './apply/apply.ts';
import { RecordStager } from './stage/record-stager.ts';
import { CsvRecords } from './parse/csv-records.ts';
import type { DryRuns } from './progress/dry-runs.ts';
import type { ImportJournal, ImportMode, ImportOutcome } from './progress/import-journal.ts';
import { ImportRow } from './progress/import-table.ts';
import { importLimits } from './limits.ts';
import { NdjsonRecords } from './parse/ndjson-records.ts';
import { Staging } from './stage/staging.ts';
import { Utf8Text } from './receive/utf8-text.ts';

export interface ImportRequest {
  readonly id: string;
  readonly subject: string;
  readonly mode: ImportMode;
  readonly dryRun: boolean;
  readonly format: 'csv' | 'ndjson';
  readonly body: AsyncIterable<Buffer>;
  /** Aborts when nobody waits for the answer any more; what is not committed by then never will be. */
  readonly signal: AbortSignal;
}

export interface ImportDependencies {
  /** For progress: short statements. */
  readonly pool: Pool;
  /** For the staging table: straight to Postgres, without a limit on the length of statements. */
  readonly importPool: Pool;
  readonly dryRuns: DryRuns;
  readonly applyTurns: ApplyTurns;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface FinishedImport {
  readonly result: ImportResult;
  /** See `Applied`. */
  readonly lowestVersion: number;
}

/**
 * One import: read, check and stage while the body comes in, then apply in one transaction. Until that commits
 * nothing has changed, so that a client or a process that goes away leaves nothing half-done, in both modes.
 * Memory does not depend on the size of the body. Throws when the file as a whole cannot be read.
 */
export async function runImport(deps: ImportDependencies, request: ImportRequest): Promise<FinishedImport> {
  const journal = request.dryRun ? deps.dryRuns.journal(request) : new ImportRow(deps.pool, request);
  if (!(await journal.start())) {
    throw new CatalogError('conflict', `An import with the id ${request.id} exists already.`);
  }
  const run: Run = { received: 0, failed: 0 };
  const stopBeating = keepBeating(deps, request.id, journal, run);
  try {
    return await stageAndApply(deps, request, journal, run);
  } catch (error) {
    const failure = clientIsGone(request.signal, error)
      ? new CatalogError('malformed_request', 'The client went away; nothing has changed.', { cause: error })
      : error;
    if (await recordFailure(deps, request.id, journal, run, failure)) throw failure;
    // The connection to Postgres broke at the commit, which had come through.
    if (run.applied === undefined) throw failure;
    return run.applied;
  } finally {
    stopBeating();
  }
}

/** What is known of an import while it runs. */
interface Run {
  received: number;
  failed: number;
  /** What the answer is, if the commit comes through. */
  applied?: FinishedImport;
}

async function stageAndApply(
  deps: ImportDependencies,
  request: ImportRequest,
  journal: ImportJournal,
  run: Run,
): Promise<FinishedImport> {
  await using staging = await Staging.open(deps.importPool, request.signal);
  const stager = new RecordStager(staging);
  const records = request.format === 'csv' ? new CsvRecords(stager) : new NdjsonRecords(stager);
  const text = new Utf8Text();
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.length;
    records.push(text.push(chunk));
    Object.assign(run, { received: stager.received, failed: stager.failed });
    await staging.flush();
  }
  if (bytes === 0) throw new CatalogError('malformed_request', 'The body is empty.');
  records.push(text.end());
  records.end();
  await staging.complete();
  stager.duplicates(await staging.dropDuplicates());
  Object.assign(run, { received: stager.received, failed: stager.failed });

  const outcome = (state: ImportOutcome['state'], created: number, updated: number): ImportOutcome => {
    const { received, failed, errors } = stager;
    const unchanged = state === 'succeeded' ? received - failed - created - updated : 0;
    return { state, received, created, updated, unchanged, failed, errors };
  };
  if (request.mode === 'reject-all' && stager.failed > 0) {
    return {
      result: await journal.finish(outcome('rejected', 0, 0), staging.client),
      lowestVersion: 0,
    };
  }
  if (request.dryRun) {
    const { created, updated } = await preview(staging.client);
    return {
      result: await journal.finish(outcome('succeeded', created, updated), staging.client),
      lowestVersion: 0,
    };
  }
  await using turn = await deps.applyTurns.take(request.signal);
  await apply(staging.client, turn, request.subject, async ({ created, updated, lowestVersion }) => {
    const result = await journal.finish(outcome('succeeded', created, updated), staging.client);
    run.applied = { result, lowestVersion };
  });
  if (run.applied === undefined) throw new Error('the import was applied without a result');
  return run.applied;
}

function clientIsGone(signal: AbortSignal, error: unknown): boolean {
  return signal.aborted && !(error instanceof CatalogError);
}

/** Progress for who asks, and the sign of life that tells a running import from an abandoned one. */
function keepBeating(
  deps: ImportDependencies,
  id: string,
  journal: ImportJournal,
  run: Readonly<Run>,
): () => void {
  let stopped = false;
  let timer: unknown;
  const next = (): void => {
    timer = deps.clock.setTimeout(() => void once(), importLimits.progress_ms);
  };
  const once = async (): Promise<void> => {
    try {
      await journal.beat(run.received, run.failed);
    } catch (error) {
      // The import itself finds out whether Postgres is away; a lost beat alone is no reason to fail it. A dry run
      // that Redis keeps no more is answered all the same.
      deps.log.warn({ err: error, importId: id }, 'the progress of an import could not be written');
    }
    if (!stopped) next();
  };
  next();
  return () => {
    stopped = true;
    deps.clock.clearTimeout(timer);
  };
}

/** False when the import turns out to have succeeded. */
async function recordFailure(
  deps: ImportDependencies,
  id: string,
  journal: ImportJournal,
  { received, failed }: Readonly<Run>,
  error: unknown,
): Promise<boolean> {
  const message =
    error instanceof CatalogError
      ? error.message
      : 'The import failed before it was applied; nothing has changed.';
  const code = error instanceof CatalogError ? error.code : 'failed';
  try {
    return await journal.fail({ received, failed, errors: [{ line: 1, field: null, code, message }] });
  } catch (unrecorded) {
    // Without a sign of life it counts as failed soon.
    deps.log.warn({ err: unrecorded, importId: id }, 'the failure of an import could not be recorded');
    return true;
  }
}
