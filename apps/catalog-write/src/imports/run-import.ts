import { CatalogError, type ImportResult } from '@catalog/contracts';
import { repeat, startPart, type RunningPart } from '@catalog/runtime';
import type { Logger } from '@catalog/service-kit';
import type { Pool } from 'pg';
import type { ApplyTurns } from './apply/apply-turns.ts';
import { apply, preview } from './apply/apply.ts';
import { importLimits } from './limits.ts';
import { CsvRecords } from './parse/csv-records.ts';
import { NdjsonRecords } from './parse/ndjson-records.ts';
import type { DryRuns } from './progress/dry-runs.ts';
import type { ImportJournal, ImportMode, ImportOutcome } from './progress/import-journal.ts';
import { ImportRow } from './progress/import-table.ts';
import { Utf8Text } from './receive/utf8-text.ts';
import { RecordStager } from './stage/record-stager.ts';
import { Staging } from './stage/staging.ts';

export interface ImportRequest {
  readonly id: string;
  readonly subject: string;
  readonly mode: ImportMode;
  readonly dryRun: boolean;
  readonly format: 'csv' | 'ndjson';
  readonly body: AsyncIterable<Buffer>;
  /** Aborts when the client has gone. Nothing is committed after that. */
  readonly signal: AbortSignal;
}

export interface ImportDependencies {
  /** For progress: short statements. */
  readonly pool: Pool;
  /** For the staging table: straight to Postgres, and without a limit on the length of statements. */
  readonly importPool: Pool;
  readonly dryRuns: DryRuns;
  readonly applyTurns: ApplyTurns;
  readonly log: Logger;
}

export interface FinishedImport {
  readonly result: ImportResult;
  /** See `Applied`. */
  readonly lowestVersion: number;
}

/**
 * Runs one import. It reads, checks and stages the records while the body comes in, then applies them in one
 * transaction. Nothing changes before that transaction commits, so in both modes a client or a process that goes away
 * leaves nothing half done. Memory does not depend on the size of the body.
 *
 * @throws CatalogError when the file as a whole cannot be read
 */
export async function runImport(deps: ImportDependencies, request: ImportRequest): Promise<FinishedImport> {
  const journal = request.dryRun ? deps.dryRuns.journal(request) : new ImportRow(deps.pool, request);
  if (!(await journal.start())) {
    throw new CatalogError('conflict', `An import with the id ${request.id} already exists.`);
  }
  const run: ImportRun = { received: 0, failed: 0 };
  const heartbeat = startHeartbeat(deps, request.id, journal, run);
  try {
    return await stageAndApply(deps, request, journal, run);
  } catch (error) {
    const failure = clientIsGone(request.signal, error)
      ? new CatalogError('malformed_request', 'The client went away. Nothing has changed.', { cause: error })
      : error;
    if (await recordFailure(deps, request.id, journal, run, failure)) throw failure;
    // The connection to Postgres broke during the commit, but the commit succeeded.
    if (run.applied === undefined) throw failure;
    return run.applied;
  } finally {
    // The answer does not wait for a heartbeat that Postgres or Redis has not answered yet.
    void heartbeat.stop();
  }
}

/** The progress of a running import. */
interface ImportRun {
  received: number;
  failed: number;
  /** The answer, if the commit succeeds. */
  applied?: FinishedImport;
}

async function stageAndApply(
  deps: ImportDependencies,
  request: ImportRequest,
  journal: ImportJournal,
  run: ImportRun,
): Promise<FinishedImport> {
  await using staging = await Staging.open(deps.importPool, request.signal);
  const stager = await stageRecords(staging, request, run);

  const outcome = (state: ImportOutcome['state'], created: number, updated: number): ImportOutcome => {
    const { received, failed, errors } = stager;
    const unchanged = state === 'succeeded' ? received - failed - created - updated : 0;
    return { state, received, created, updated, unchanged, failed, errors };
  };
  if (request.mode === 'reject-all' && stager.failed > 0) {
    const result = await journal.finish(outcome('rejected', 0, 0), staging.client);
    return { result, lowestVersion: 0 };
  }
  if (request.dryRun) {
    const { created, updated } = await preview(staging.client);
    const result = await journal.finish(outcome('succeeded', created, updated), staging.client);
    return { result, lowestVersion: 0 };
  }
  await using turn = await deps.applyTurns.take(request.signal);
  await apply(staging.client, turn, request.subject, async ({ created, updated, lowestVersion }) => {
    const result = await journal.finish(outcome('succeeded', created, updated), staging.client);
    run.applied = { result, lowestVersion };
  });
  if (run.applied === undefined) throw new Error('the import was applied without a result');
  return run.applied;
}

/** Reads the whole body. After this, all valid records are in the staging table. */
async function stageRecords(
  staging: Staging,
  { body, format }: ImportRequest,
  run: ImportRun,
): Promise<RecordStager> {
  const stager = new RecordStager(staging);
  const records = format === 'csv' ? new CsvRecords(stager) : new NdjsonRecords(stager);
  const text = new Utf8Text();
  const report = () => Object.assign(run, { received: stager.received, failed: stager.failed });
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    records.push(text.push(chunk));
    report();
    await staging.flush();
  }
  if (bytes === 0) throw new CatalogError('malformed_request', 'The body is empty.');
  records.push(text.end());
  records.end();
  await staging.complete();
  stager.duplicates(await staging.dropDuplicates());
  report();
  return stager;
}

function clientIsGone(signal: AbortSignal, error: unknown): boolean {
  return signal.aborted && !(error instanceof CatalogError);
}

/** Shows the progress to a caller that asks for it. Its absence shows that the process has died. */
function startHeartbeat(
  { log }: ImportDependencies,
  importId: string,
  journal: ImportJournal,
  run: Readonly<ImportRun>,
): RunningPart {
  const beat = () => journal.beat(run.received, run.failed);
  // One lost heartbeat is no reason to fail the import. The import itself notices when Postgres is away, and a dry run
  // is answered without Redis.
  const onError = (error: unknown) => log.warn({ err: error, importId }, 'the progress was not written');
  const every_ms = importLimits.progress_ms;
  return startPart({ run: (signal) => repeat(beat, { signal, every_ms, waitFirst: true, onError }) });
}

/** @returns false when the import has in fact succeeded */
async function recordFailure(
  { log }: ImportDependencies,
  importId: string,
  journal: ImportJournal,
  { received, failed }: Readonly<ImportRun>,
  error: unknown,
): Promise<boolean> {
  const { code, message } =
    error instanceof CatalogError
      ? error
      : { code: 'failed', message: 'The import failed before it was applied. Nothing has changed.' };
  try {
    return await journal.fail({ received, failed, errors: [{ line: 1, field: null, code, message }] });
  } catch (unrecorded) {
    // Without a heartbeat it soon counts as abandoned.
    log.warn({ err: unrecorded, importId }, 'the failure of an import was not recorded');
    return true;
  }
}
