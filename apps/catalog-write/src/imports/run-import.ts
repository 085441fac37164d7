import { setImmediate as nextTurn } from 'node:timers/promises';
import { CatalogError, type ImportResult } from '@catalog/contracts';
import { repeat, startPart, type RunningPart } from '@catalog/runtime';
import type { Logger } from '@catalog/service-kit';
import type { Pool } from 'pg';
import type { ApplyTurns } from './apply/apply-turns.ts';
import { apply, nothingApplied, preview, type Applied } from './apply/apply.ts';
import { readChanges } from './apply/changes.ts';
import { importError } from './import-error.ts';
import { importLimits } from './limits.ts';
import type { ColumnNames } from './parse/column-names.ts';
import { CsvRecords } from './parse/csv-records.ts';
import { NdjsonRecords } from './parse/ndjson-records.ts';
import type { DryRuns } from './progress/dry-runs.ts';
import type { ImportJournal, ImportOutcome, ImportStart } from './progress/import-journal.ts';
import { ImportRow } from './progress/import-table.ts';
import { DigestCheck, type Digests } from './receive/content-digest.ts';
import { Utf8Text } from './receive/utf8-text.ts';
import { RecordStager } from './stage/record-stager.ts';
import { Staging } from './stage/staging.ts';

export interface ImportRequest extends ImportStart {
  readonly dryRun: boolean;
  readonly format: 'csv' | 'ndjson';
  readonly body: AsyncIterable<Buffer>;
  /** The names of the columns of a CSV file, where they differ from the names of the fields. */
  readonly columnNames: ColumnNames | undefined;
  readonly digests: Digests | undefined;
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

  const staged = stager.received - stager.failed;
  const plan = { ...request, staged, maybeIncomplete: stager.maybeIncomplete };
  const outcome = (applied: Applied, changes: ImportResult['changes'] = null): ImportOutcome => {
    const { created, updated, skipped, refused } = applied;
    const failed = stager.failed + refused;
    const errors = stager.errorsWith(applied.errors);
    const counts = { received: stager.received, failed, errors, changes };
    if (applied.isRejected)
      return { state: 'rejected', created: 0, updated: 0, unchanged: 0, skipped: 0, ...counts };
    const unchanged = stager.received - failed - skipped - created - updated;
    return { state: 'succeeded', created, updated, unchanged, skipped, ...counts };
  };
  if (request.mode === 'reject-all' && stager.failed > 0) {
    const result = await journal.finish(outcome({ ...nothingApplied, isRejected: true }), staging.client);
    return { result, lowestVersion: 0 };
  }
  if (request.dryRun) {
    const would = await preview(staging.client, plan);
    const changes = would.isRejected ? null : await readChanges(staging.client);
    return { result: await journal.finish(outcome(would, changes), staging.client), lowestVersion: 0 };
  }
  await using turn = await deps.applyTurns.take(request.signal);
  await apply(staging.client, turn, request.subject, plan, async (applied) => {
    const result = await journal.finish(outcome(applied), staging.client);
    run.applied = { result, lowestVersion: applied.lowestVersion };
  });
  if (run.applied === undefined) throw new Error('the import was applied without a result');
  return run.applied;
}

/** Reads the whole body. After this, all valid records are in the staging table. */
async function stageRecords(
  staging: Staging,
  { body, format, columnNames, digests }: ImportRequest,
  run: ImportRun,
): Promise<RecordStager> {
  const stager = new RecordStager(staging);
  const records = format === 'csv' ? new CsvRecords(stager, columnNames) : new NdjsonRecords(stager);
  const digestCheck = new DigestCheck(digests);
  const text = new Utf8Text();
  const report = () => Object.assign(run, { received: stager.received, failed: stager.failed });
  let bytes = 0;
  let turnBegan = performance.now();
  for await (const chunk of body) {
    bytes += chunk.length;
    digestCheck.add(chunk);
    for (const part of partsOf(text.push(chunk))) {
      records.push(part);
      // A body that has arrived already is read without a pause. Others want their turn.
      if (performance.now() - turnBegan < importLimits.turn_ms) continue;
      await nextTurn();
      turnBegan = performance.now();
    }
    report();
    await staging.flush();
  }
  if (bytes === 0) throw new CatalogError('malformed_request', 'The body is empty.');
  digestCheck.end();
  records.push(text.end());
  records.end();
  await staging.complete();
  stager.duplicates(await staging.dropDuplicates());
  report();
  return stager;
}

/** Cut anywhere: the readers keep their place. */
function* partsOf(text: string): Generator<string> {
  const { part_chars } = importLimits;
  for (let from = 0; from < text.length; from += part_chars) yield text.slice(from, from + part_chars);
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
    return await journal.fail({ received, failed, errors: [importError(1, null, code, message)] });
  } catch (unrecorded) {
    // Without a heartbeat it soon counts as abandoned.
    log.warn({ err: unrecorded, importId }, 'the failure of an import was not recorded');
    return true;
  }
}
