/** `npm run import -- FILE`: sends a file to catalog-write as any client would, and shows the progress. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import {
  importModes,
  importResultSchema,
  onExistingRules,
  onMissingRules,
  type ImportResult,
} from '@catalog/contracts';
import { z } from 'zod';
import { pause, repeat } from '@catalog/runtime';
import { parseProblem, StackProblem } from '../problem.ts';
import { count, rowsPerSecond, showProgress } from './progress.ts';
import { upload, type Answer } from './upload.ts';

const types: Readonly<Record<string, string>> = {
  '.csv': 'text/csv',
  '.ndjson': 'application/x-ndjson',
  '.jsonl': 'application/x-ndjson',
};
const importUsage = `npm run import -- FILE [--mode ${importModes.join('|')}] [--dry-run]
  [--on-existing ${onExistingRules.join('|')}] [--on-missing ${onMissingRules.join('|')}] [--columns "Weight (g):weightGrams,Supplier:"]
The name must end with one of: ${Object.keys(types).join(', ')}`;

const poll_ms = 500;
/** catalog-write notices within about a second that an import was cut off. */
const untilEnded_ms = 20_000;

export interface ImportFileOptions {
  readonly file: string;
  readonly mode: string;
  readonly dryRun: boolean;
  readonly onExisting: string;
  readonly onMissing: string;
  /** `columns=` of the call. */
  readonly columns: string | undefined;
  readonly writeUrl: string;
  /** A token for catalog-write. */
  token(): Promise<string>;
  readonly signal: AbortSignal;
  readonly terminal: { readonly isTTY?: boolean; write(text: string): unknown };
  say(line: string): void;
}

/** @returns whether the import succeeded. @throws StackProblem */
export async function importFile(options: ImportFileOptions): Promise<boolean> {
  const { file, mode, dryRun, onExisting, onMissing, columns, writeUrl, signal, say } = options;
  const type = typeOf(file);
  oneOf('mode', mode, importModes);
  oneOf('--on-existing', onExisting, onExistingRules);
  oneOf('--on-missing', onMissing, onMissingRules);
  const query = new URLSearchParams({ mode, dryRun: String(dryRun), onExisting, onMissing });
  if (columns !== undefined) query.set('columns', columns);
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
      url: `${writeUrl}/v1/imports?${query.toString()}`,
      file,
      headers: {
        authorization: `Bearer ${await options.token()}`,
        'content-type': type,
        'content-length': String(total_bytes),
        'import-id': id,
        'content-digest': `sha-256=:${await digestOf(file)}:`,
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
  const result = answer.status === 200 || answer.status === 422 ? resultIn(answer.body) : undefined;
  if (result === undefined) {
    sayRefusal(answer, say);
    return false;
  }
  sayResult(result, elapsed_ms(), say);
  return result.state === 'succeeded';
}

function oneOf(what: string, given: string, known: readonly string[]): void {
  if (!known.includes(given))
    throw new StackProblem(`There is no ${what} "${given}".`, `Use one of: ${known.join(', ')}`);
}

/** A rejected import is answered with its result too, among the members of a problem document. */
const anyResult = z.object(importResultSchema.shape);
const resultIn = (body: string): ImportResult | undefined => anyResult.safeParse(JSON.parse(body)).data;

/** catalog-write refuses what differs: a file that is written while it is sent, or cut on its way. */
async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 }))
    hash.update(chunk as Buffer);
  return hash.digest('base64');
}

function typeOf(file: string): string {
  const type = types[extname(file).toLowerCase()];
  if (type === undefined)
    throw new StackProblem(
      file === '' ? 'No file was given.' : `The format of "${file}" is not known from its name.`,
      importUsage,
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
  const { state, dryRun, received, created, updated, unchanged, skipped, failed } = result;
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
      `${would}created ${count(created)}, updated ${count(updated)}, unchanged ${count(unchanged)}${skipped === 0 ? '' : `, skipped ${count(skipped)}`}; bad ${count(failed)}`,
    );
  }
  if (result.changes !== null) sayChanges(result.changes, say);
  for (const { line, field, message } of result.errors) {
    say(`  line ${line}${field === null ? '' : `, ${field}`}: ${message}`);
  }
  const unlisted = failed - new Set(result.errors.map(({ line }) => line)).size;
  if (unlisted > 0) say(`  and ${count(unlisted)} more bad rows`);
}

function sayChanges(
  { fields, rows }: NonNullable<ImportResult['changes']>,
  say: (line: string) => void,
): void {
  for (const [field, products] of Object.entries(fields))
    say(`  ${field} would change in ${count(products)} products`);
  for (const { line, sku, fields: changed } of rows) {
    const each = changed.map(
      ({ field, old, new: would }) => `${field} ${JSON.stringify(old)} → ${JSON.stringify(would)}`,
    );
    say(`  line ${line}, ${sku}: ${each.join('; ')}`);
  }
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
