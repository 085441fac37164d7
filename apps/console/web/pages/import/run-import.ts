/** Sends a file to the service and asks for its progress meanwhile. */
import type { ImportResult } from '@catalog/contracts';
import { ApiError, callApi, getJson } from '../../http/api.ts';
import type { FileFormat } from './records.ts';

export interface ImportOptions {
  readonly mode: ImportResult['mode'];
  readonly onExisting: ImportResult['onExisting'];
  readonly onMissing: ImportResult['onMissing'];
}

export interface ImportRun extends ImportOptions {
  readonly file: File;
  readonly format: FileFormat;
  /** Of a CSV file whose cells are not separated by commas, and which does not say so itself. */
  readonly separator: string | undefined;
  /** `columns=` of the service. */
  readonly columns: string | undefined;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (result: ImportResult) => void;
}

/** The service writes its progress twice a second. */
const poll_ms = 500;
/** The service notices within about a second that an upload was cut off. */
const untilEnded_ms = 20_000;

/**
 * @returns the result, also of a rejected file. After `signal` it asks how the import has ended.
 * @throws ApiError when the service refused the file or cannot tell
 */
export async function runImport(run: ImportRun): Promise<ImportResult> {
  const { file, format, separator, columns, dryRun, mode, onExisting, onMissing, signal, onProgress } = run;
  const query = new URLSearchParams({ mode, onExisting, onMissing, dryRun: String(dryRun) });
  if (columns !== undefined) query.set('columns', columns);
  const id = crypto.randomUUID();
  const inFile = (result: ImportResult) => (separator === undefined ? result : oneLineUp(result));
  const timer = setInterval(() => {
    readImport(id).then(
      (result) => result !== undefined && onProgress(inFile(result)),
      // A look that fails only delays the progress.
      () => undefined,
    );
  }, poll_ms);
  try {
    const { body } = await callApi<ImportResult>(`/api/imports?${query}`, {
      method: 'POST',
      body: separator === undefined ? file : await namingSeparator(file, separator),
      headers: {
        'Content-Type': format === 'csv' ? 'text/csv' : 'application/x-ndjson',
        'Import-Id': id,
        // For the audit log.
        'Import-File': encodeURIComponent(file.name.toWellFormed()),
      },
      signal,
    });
    return inFile(body);
  } catch (error) {
    if (error instanceof ApiError && error.code === 'import_rejected')
      return inFile(error.body as ImportResult);
    if (signal.aborted || (error instanceof ApiError && error.status === 0)) return inFile(await ended(id));
    throw error;
  } finally {
    clearInterval(timer);
  }
}

const byteOrderMark = [0xef, 0xbb, 0xbf];

/** The file after a line such as `sep=;`, which tells the service the separator. */
async function namingSeparator(file: File, separator: string): Promise<Blob> {
  const begin = new Uint8Array(await file.slice(0, byteOrderMark.length).arrayBuffer());
  const isMarked = byteOrderMark.every((byte, index) => begin[index] === byte);
  return new Blob([`sep=${separator}\n`, isMarked ? file.slice(byteOrderMark.length) : file]);
}

/** The service counted a line more than the file has. */
function oneLineUp(result: ImportResult): ImportResult {
  const up = <T extends { readonly line: number }>(one: T): T => ({ ...one, line: one.line - 1 });
  const { errors, changes } = result;
  return {
    ...result,
    errors: errors.map(up),
    changes: changes && { ...changes, rows: changes.rows.map(up) },
  };
}

async function readImport(id: string): Promise<ImportResult | undefined> {
  try {
    return await getJson<ImportResult>(`/api/imports/${id}`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** The upload was cut off: the file may have been applied before. */
async function ended(id: string): Promise<ImportResult> {
  const until_ms = performance.now() + untilEnded_ms;
  while (performance.now() < until_ms) {
    const found = await readImport(id).catch(() => 'unknown' as const);
    if (found === undefined)
      throw new ApiError(0, 'cut_off', 'Nothing has changed: the import was cancelled before it began.');
    if (found !== 'unknown' && found.state !== 'running') return found;
    await new Promise((resolve) => setTimeout(resolve, poll_ms));
  }
  throw new ApiError(
    0,
    'cut_off',
    `It is not known whether the file was applied. Look at the audit log and at the products before you repeat it. The import has the id ${id}.`,
  );
}
