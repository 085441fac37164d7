/** Reads records of a file in the browser: the header to map its columns, and single lines to show beside their errors. */

export type FileFormat = 'csv' | 'ndjson';

export interface FileRecord {
  /** The line on which it starts, from 1, as the service counts. */
  readonly line: number;
  readonly text: string;
}

const separators = [',', ';', '\t', '|'];
const byteOrderMark = '\uFEFF';

/** undefined if the name of the file tells no format. */
export function formatOf(name: string): FileFormat | undefined {
  const ending = name.toLowerCase().split('.').at(-1);
  if (ending === 'csv') return 'csv';
  return ending === 'ndjson' || ending === 'jsonl' ? 'ndjson' : undefined;
}

/** Every record of a text that arrives in parts. A record of CSV ends at a line end outside quotes. */
export async function* recordsOf(
  parts: AsyncIterable<string> | Iterable<string>,
  format: FileFormat,
): AsyncGenerator<FileRecord> {
  let record = '';
  let line = 1;
  let startsOn = 1;
  let isQuoted = false;
  for await (const part of parts) {
    let from = 0;
    for (let at = 0; at < part.length; at++) {
      const char = part[at];
      if (char === '"' && format === 'csv') isQuoted = !isQuoted;
      if (char !== '\n') continue;
      line++;
      if (isQuoted) continue;
      record += part.slice(from, at);
      from = at + 1;
      yield { line: startsOn, text: withoutEnds(record, startsOn) };
      record = '';
      startsOn = line;
    }
    record += part.slice(from);
  }
  if (record !== '') yield { line: startsOn, text: withoutEnds(record, startsOn) };
}

function withoutEnds(text: string, line: number): string {
  const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
  return line === 1 && whole.startsWith(byteOrderMark) ? whole.slice(1) : whole;
}

/** A first line such as `sep=;`, which spreadsheets write. */
const separatorLine = /^sep=(.)$/i;

export interface Header {
  /** The line of the header, as it stands in the file. */
  readonly text: string;
  readonly separator: string;
  /** Whether a line above the header names the separator. */
  readonly namesSeparator: boolean;
  readonly columns: readonly string[];
  /** The cells of the first rows, to show what a column holds. */
  readonly samples: readonly (readonly string[])[];
}

/** The header of a CSV file and its first rows. */
export async function headerOf(parts: AsyncIterable<string> | Iterable<string>): Promise<Header> {
  let separator: string | undefined;
  let namesSeparator = false;
  let text: string | undefined;
  const samples: string[][] = [];
  for await (const record of recordsOf(parts, 'csv')) {
    if (record.text === '') continue;
    const named = text === undefined ? separatorLine.exec(record.text)?.[1] : undefined;
    if (named !== undefined) {
      separator = named;
      namesSeparator = true;
    } else if (text === undefined) {
      text = record.text;
      separator ??= separatorIn(text);
    } else if (samples.push(cellsOf(record.text, separator ?? ',')) === 3) break;
  }
  const columns = cellsOf(text ?? '', separator ?? ',').map((name) => name.trim());
  // Spreadsheets add empty columns behind the last one.
  const last = columns.findLastIndex((name) => name !== '');
  return {
    text: text ?? '',
    separator: separator ?? ',',
    namesSeparator,
    columns: columns.slice(0, last + 1),
    samples,
  };
}

function separatorIn(header: string): string {
  const counted = separators.map((one) => [cellsOf(header, one).length, one] as const);
  return counted.reduce((most, one) => (one[0] > most[0] ? one : most))[1];
}

/** The cells of one record, without their quotes. */
export function cellsOf(record: string, separator: string): string[] {
  const cells: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let at = 0; at < record.length; at++) {
    const char = record[at] ?? '';
    if (char === '"') {
      if (isQuoted && record[at + 1] === '"') {
        cell += '"';
        at++;
      } else isQuoted = !isQuoted;
    } else if (char === separator && !isQuoted) {
      cells.push(cell);
      cell = '';
    } else cell += char;
  }
  return [...cells, cell];
}

/** The text of a file while it is read. */
export const textOf = (file: Blob): ReadableStream<string> =>
  file.stream().pipeThrough(new TextDecoderStream());

/** The records on these lines. It stops at the last of them. */
export async function recordsOn(
  parts: AsyncIterable<string> | Iterable<string>,
  format: FileFormat,
  lines: ReadonlySet<number>,
): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  if (lines.size === 0) return found;
  for await (const { line, text } of recordsOf(parts, format)) {
    if (lines.has(line)) found.set(line, text);
    if (found.size === lines.size) break;
  }
  return found;
}
