/** `npm run export -- FILE`: writes products into a file, as any client would, with one call of catalog-read. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { extname } from 'node:path';
import { Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { count, rowsPerSecond } from '../import/progress.ts';
import { parseProblem, StackProblem } from '../problem.ts';

const formats: Readonly<Record<string, string>> = { '.csv': 'csv', '.ndjson': 'ndjson', '.jsonl': 'ndjson' };
const usage = `npm run export -- FILE [FILTER=VALUE …]
FILE ends with one of: ${Object.keys(formats).join(', ')}. The filters are those of GET /v1/products, such as brand=Acme.
Only active products are exported unless a filter says which: status=draft,active,archived`;

export interface ExportFileOptions {
  readonly file: string;
  /** `name=value`, as in the address of a list. */
  readonly filters: readonly string[];
  readonly readUrl: string;
  /** A token for catalog-read. */
  token(): Promise<string>;
  readonly signal: AbortSignal;
  say(line: string): void;
}

/** The file appears when it is complete. @throws StackProblem */
export async function exportFile(options: ExportFileOptions): Promise<void> {
  const { file, readUrl, signal, say } = options;
  const format = formats[extname(file).toLowerCase()];
  if (format === undefined)
    throw new StackProblem(
      file === '' ? 'No file was given.' : `"${file}" has the name of no known format.`,
      usage,
    );
  const query = new URLSearchParams({ format });
  for (const filter of options.filters) {
    const equals = filter.indexOf('=');
    if (equals < 1) throw new StackProblem(`"${filter}" is no filter.`, usage);
    query.append(filter.slice(0, equals), filter.slice(equals + 1));
  }
  const began = performance.now();
  const answer = await call(
    `${readUrl}/v1/products/export?${query.toString()}`,
    await options.token(),
    signal,
  );
  if (answer.statusCode !== 200) {
    const body = await text(answer);
    throw new StackProblem(
      `catalog-read refused the export (${answer.statusCode}): ${parseProblem(body)?.detail ?? body.slice(0, 2_000)}`,
      usage,
    );
  }
  const part = `${file}.part`;
  let lineEnds = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lineEnds++;
      done(null, chunk);
    },
  });
  try {
    await pipeline(answer, counter, createWriteStream(part) as Writable, { signal });
    await rename(part, file);
  } catch (cause) {
    await rm(part, { force: true });
    throw new StackProblem(
      signal.aborted ? 'Stopped. No file was written.' : `The export broke off: ${String(cause)}`,
      'No file was written. Try again; the log of catalog-read may say more.',
      { cause },
    );
  }
  const elapsed_ms = performance.now() - began;
  // A cell may have several lines, so that lines are no count of rows in CSV.
  const what = format === 'csv' ? 'lines' : 'products';
  say(
    `${file}: ${count(lineEnds)} ${what} in ${(elapsed_ms / 1000).toFixed(1)} s, ${count(rowsPerSecond(lineEnds, elapsed_ms))}/s`,
  );
}

function call(url: string, token: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = get(url, { headers: { authorization: `Bearer ${token}` }, signal }, resolve);
  request.on('error', (cause) =>
    reject(
      new StackProblem(
        signal.aborted
          ? 'Stopped. No file was written.'
          : `catalog-read does not answer at ${new URL(url).origin}.`,
        'Start the stack in another terminal: npm start',
        { cause },
      ),
    ),
  );
  return promise;
}
