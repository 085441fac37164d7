/** `npm run import -- FILE`: sends a file to catalog-write as any client would, and shows the progress. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { importModes, importResultSchema, type ImportResult } from '@catalog/contracts';
import { pause, repeat } from '@catalog/runtime';
import { parseProblem, StackProblem } from '../problem.ts';
import { count, rowsPerSecond, showProgress } from './progress.ts';
import { upload, type Answer } from './upload.ts';

const types: Readonly<Record<string, string>> = {
  '.csv': 'text/csv',
  '.ndjson': 'application/x-ndjson',
  '.jsonl': 'application/x-ndjson',
};
const poll_ms = 500;
/** catalog-write notices within about a second that an import was cut off. */
const untilEnded_ms = 20_000;

export interface ImportFileOptions {
  readonly file: string;
  readonly mode: string;
  readonly dryRun: boolean;
  readonly writeUrl: string;
  /** A token for catalog-write. */
  token(): Promise<string>;
  readonly signal: AbortSignal;
  readonly terminal: { readonly isTTY?: boolean; write(text: string): unknown };
  say(line: string): void;
}

/** @returns whether the import succeeded. @throws StackProblem */
export async function importFile(options: ImportFileOptions): Promise<boolean> {
  const { file, mode, dryRun, writeUrl, signal, say } = options;
  const type = typeOf(file);
  if (!importModes.some((known) => known === mode))
    throw new StackProblem(`There is no mode "${mode}".`, `Use one of: ${importModes.join(', ')}`);
  const total_bytes = await sizeOf(file);
  const id = randomUUID();
  const began = performance.now();
  const elapsed_ms = () => performance.now() - began;
  let sent_bytes = 0;
  let known = { received: 0, failed: 0 };
  const progress = showProgress(options.terminal, () => ({
    sent_bytes,
    total_bytes,
    ...known,
    elapsed_ms: elapsed_ms(),
  }));
  const done = new AbortController();
  const look = async () => {
    known = (await readImport(options, id)) ?? known;
  };
  // A look that fails only delays the progress line.
  const following = repeat(look, {
    signal: done.signal,
    every_ms: poll_ms,
    waitFirst: true,
    onError: () => {},
  });
  let answer: Answer;
  try {
    answer = await upload({
      url: `${writeUrl}/v1/imports?mode=${mode}&dryRun=${dryRun}`,
      file,
      headers: {
        authorization: `Bearer ${await options.token()}`,
        'content-type': type,
        'content-length': String(total_bytes),
        'import-id': id,
      },
      signal,
      onSent(bytes) {
        sent_bytes += bytes;
      },
    });
  } catch (cause) {
    progress.stop();
    return await sayHowItEnded(options, id, cause);
  } finally {
    done.abort();
    progress.stop();
    await following;
  }
  if (answer.status !== 200) {
    sayRefusal(answer, say);
    return false;
  }
  const result = importResultSchema.parse(JSON.parse(answer.body));
  sayResult(result, elapsed_ms(), say);
  return result.state === 'succeeded';
}

function typeOf(file: string): string {
  const type = types[extname(file).toLowerCase()];
  if (type === undefined)
    throw new StackProblem(
      file === '' ? 'No file was given.' : `The format of "${file}" is not known from its name.`,
      `npm run import -- FILE [--mode ${importModes.join('|')}] [--dry-run]\nThe name must end with one of: ${Object.keys(types).join(', ')}`,
    );
  return type;
}

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (!found.isFile()) throw new Error('it is not a file');
    return found.size;
  } catch (cause) {
    throw new StackProblem(
      `${file} cannot be read.`,
      'Check the path. It is relative to the folder you are in.',
      {
        cause,
      },
    );
  }
}

/** @returns undefined when the import has not begun. @throws when catalog-write cannot tell */
async function readImport(options: ImportFileOptions, id: string): Promise<ImportResult | undefined> {
  const response = await fetch(`${options.writeUrl}/v1/imports/${id}`, {
    headers: { authorization: `Bearer ${await options.token()}` },
    signal: AbortSignal.timeout(2_000),
  });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`catalog-write answers ${response.status}`);
  return importResultSchema.parse(await response.json());
}

/** There was no answer, because of Ctrl-C or a broken connection. So it asks catalog-write for the state of the import. */
async function sayHowItEnded(options: ImportFileOptions, id: string, cause: unknown): Promise<boolean> {
  const { say } = options;
  if ((cause as { code?: unknown }).code === 'ECONNREFUSED')
    throw new StackProblem(
      `catalog-write does not answer at ${options.writeUrl}.`,
      'Start the stack in another terminal: npm start',
      { cause },
    );
  say(options.signal.aborted ? 'Stopped.' : `The connection to catalog-write broke: ${String(cause)}`);
  const began = performance.now();
  while (performance.now() - began < untilEnded_ms) {
    const found = await readImport(options, id).catch(() => 'unknown' as const);
    if (found === 'unknown' || found?.state === 'running') {
      await pause(200);
      continue;
    }
    if (found?.state === 'succeeded') {
      say('The whole file was applied before the connection ended:');
      sayResult(found, undefined, say);
      return true;
    }
    // It failed, or it was cut off before it began.
    say('Nothing has changed.');
    return false;
  }
  say(
    `It is not known yet whether the file was applied. Ask later: GET ${options.writeUrl}/v1/imports/${id}`,
  );
  return false;
}

function sayResult(result: ImportResult, elapsed_ms: number | undefined, say: (line: string) => void): void {
  const { state, dryRun, received, created, updated, unchanged, failed } = result;
  const time =
    elapsed_ms === undefined
      ? ''
      : ` in ${(elapsed_ms / 1000).toFixed(1)} s, ${count(rowsPerSecond(received, elapsed_ms))} rows/s`;
  say(`${count(received)} rows read${time}`);
  if (state === 'rejected') {
    say(`Rejected, nothing has changed: ${count(failed)} bad.`);
  } else {
    const would = dryRun ? 'would be ' : '';
    say(
      `${would}created ${count(created)}, updated ${count(updated)}, unchanged ${count(unchanged)}; bad ${count(failed)}`,
    );
  }
  for (const { line, field, message } of result.errors) {
    say(`  line ${line}${field === null ? '' : `, ${field}`}: ${message}`);
  }
  const unlisted = failed - new Set(result.errors.map(({ line }) => line)).size;
  if (unlisted > 0) say(`  and ${count(unlisted)} more bad rows`);
}

function sayRefusal({ status, body }: Answer, say: (line: string) => void): void {
  const problem = parseProblem(body);
  if (!problem) {
    say(`Refused (${status}), nothing has changed: ${body.slice(0, 2_000)}`);
    return;
  }
  say(`Refused (${status} ${problem.code}), nothing has changed. ${problem.detail}`);
  for (const { message } of problem.errors) if (message !== problem.detail) say(`  ${message}`);
}
