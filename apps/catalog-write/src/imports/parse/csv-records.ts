import type { ColumnNames } from './column-names.ts';
import { CsvColumns } from './csv-columns.ts';
import { importLimits } from '../limits.ts';
import type { RecordReader, RecordSink } from './product-record.ts';
import { TextParts } from './text-parts.ts';

/** The position of the reader. Between two records it is at `record start`. */
type Place =
  | 'record start'
  | 'cell start'
  | 'plain cell'
  | 'quoted cell'
  | 'after quote'
  | 'after quote and CR';

const separators = [',', ';', '\t', '|'];

/**
 * CSV after RFC 4180: commas, doubled quotes inside quotes, LF or CRLF, a header. Spreadsheets add three things, which it
 * takes too: a first line such as `sep=;`, rows of empty cells, and `="0123"` for a text that looks like a number.
 *
 * This reader is our own. csv-parse 7 loses the rest of the chunk after a record over `max_record_size` when it skips
 * bad records, does not report the line on which a record starts, and reads byte by byte.
 *
 * It looks at each character once, however the text is cut: between two pieces it keeps its place inside the record.
 *
 * When the quoting of a row is broken, the reader skips to the end of the line with the error. All text between an
 * opening quote and the next quote belongs to the quoted cell, even if it looks like rows. If it were read as rows,
 * the text of a cell could write products.
 */
export class CsvRecords implements RecordReader {
  readonly #sink: RecordSink;
  readonly #names: ColumnNames | undefined;
  #separator = ',';
  #columns: CsvColumns | undefined;
  #place: Place = 'record start';
  #cells: string[] = [];
  readonly #cell = new TextParts();
  /** Of the current record, so far. */
  #length = 0;
  #lineEnds = 0;
  /** The line on which the current record starts. */
  #line = 1;
  /** The rest of a line or record whose error is already reported. A record ends at a line end outside quotes. */
  #skipping: 'nothing' | 'line' | 'record' | 'quoted part of record' = 'nothing';

  constructor(sink: RecordSink, names?: ColumnNames) {
    this.#sink = sink;
    this.#names = names;
  }

  push(text: string): void {
    let at = this.#skipping === 'nothing' ? 0 : this.#skip(text, 0);
    let quote = text.indexOf('"', at);
    while (at < text.length) {
      if (this.#place === 'record start') {
        const lineEnd = text.indexOf('\n', at);
        if (quote !== -1 && quote < at) quote = text.indexOf('"', at);
        // Most rows have no quotes, and are split at once.
        if (lineEnd !== -1 && (quote === -1 || quote > lineEnd)) {
          this.#plainLine(text.slice(at, text[lineEnd - 1] === '\r' && lineEnd > at ? lineEnd - 1 : lineEnd));
          this.#line++;
          at = lineEnd + 1;
          continue;
        }
        this.#place = 'cell start';
      }
      at = this.#readRecord(text, at);
    }
  }

  end(): void {
    if (this.#place === 'quoted cell') {
      this.#sink.bad(this.#line, null, 'quote_not_closed', 'This record opens a quote and never closes it.');
    } else if (this.#place !== 'record start') {
      this.#endCell(this.#place === 'plain cell');
      this.#emit(this.#cells);
    }
    // Reports the missing header of an empty file.
    this.#columns ??= CsvColumns.fromHeader([]);
  }

  #plainLine(line: string): void {
    if (line === '') return;
    if (line.length > importLimits.record_chars) this.#tooLong();
    else this.#emit(line.split(this.#separator));
  }

  /** Reads on in the current record. @returns the position behind it, or the end of the text */
  #readRecord(text: string, from: number): number {
    const end = this.#readCells(text, from);
    if (this.#place === 'record start') return end;
    this.#length += end - from;
    if (this.#length > importLimits.record_chars) {
      this.#tooLong();
      const inQuotes = this.#place === 'quoted cell';
      this.#line += this.#lineEnds;
      this.#reset();
      this.#skipping = inQuotes ? 'quoted part of record' : 'record';
    }
    return end;
  }

  #readCells(text: string, from: number): number {
    let at = from;
    while (at < text.length) {
      const character = text[at];
      switch (this.#place) {
        case 'cell start':
          if (character === '"') at++;
          this.#place = character === '"' ? 'quoted cell' : 'plain cell';
          break;
        case 'plain cell': {
          const to = this.#endOfPlainCell(text, at);
          this.#cell.add(text.slice(at, to));
          if (to === text.length) return to;
          at = to + 1;
          if (text[to] === '"') {
            // ="0123" is how a spreadsheet is told not to read a number.
            if (this.#cell.length !== 1 || this.#cell.take() !== '=')
              return this.#brokenRow(text, to, strayQuote);
            this.#place = 'quoted cell';
            break;
          }
          this.#endCell(text[to] === '\n');
          if (text[to] === '\n') return this.#endRecord(at, from);
          break;
        }
        case 'quoted cell': {
          const quote = text.indexOf('"', at);
          const to = quote === -1 ? text.length : quote;
          const part = text.slice(at, to);
          this.#cell.add(part);
          this.#lineEnds += lineEnds(part);
          if (quote === -1) return to;
          at = to + 1;
          this.#place = 'after quote';
          break;
        }
        default:
          // After a closing quote.
          if (this.#place === 'after quote' && character === '"') {
            this.#cell.add('"');
            this.#place = 'quoted cell';
          } else if (this.#place === 'after quote' && character === this.#separator) this.#endCell(false);
          else if (this.#place === 'after quote' && character === '\r') this.#place = 'after quote and CR';
          else if (character === '\n') {
            this.#endCell(false);
            return this.#endRecord(at + 1, from);
          } else return this.#brokenRow(text, at, textAfterQuote);
          at++;
      }
    }
    return at;
  }

  #endCell(maybeWithCr: boolean): void {
    const cell = this.#cell.take();
    this.#cells.push(maybeWithCr && cell.endsWith('\r') ? cell.slice(0, -1) : cell);
    this.#place = 'cell start';
  }

  #endRecord(at: number, from: number): number {
    if (this.#length + at - from > importLimits.record_chars) this.#tooLong();
    else this.#emit(this.#cells);
    this.#line += this.#lineEnds + 1;
    this.#reset();
    return at;
  }

  #reset(): void {
    this.#place = 'record start';
    this.#cells = [];
    this.#cell.take();
    this.#length = 0;
    this.#lineEnds = 0;
  }

  #brokenRow(text: string, at: number, [code, message]: readonly [string, string]): number {
    this.#sink.bad(this.#line, null, code, message);
    // Without a readable header, no later row can be read.
    this.#columns ??= CsvColumns.fromHeader([]);
    this.#line += this.#lineEnds;
    this.#reset();
    this.#skipping = 'line';
    return this.#skip(text, at);
  }

  /** @returns the position of the next record, or the end of the text. Counts the skipped lines. */
  #skip(text: string, from: number): number {
    let at = from;
    while (at < text.length) {
      if (this.#skipping === 'quoted part of record') {
        const quote = text.indexOf('"', at);
        const to = quote === -1 ? text.length : quote + 1;
        this.#line += lineEnds(text.slice(at, to));
        at = to;
        if (quote !== -1) this.#skipping = 'record';
        continue;
      }
      const lineEnd = text.indexOf('\n', at);
      const stop = lineEnd === -1 ? text.length : lineEnd;
      const quote = this.#skipping === 'record' ? text.slice(at, stop).indexOf('"') : -1;
      if (quote !== -1) {
        // A doubled quote leaves the quoted part and enters it again at once, so it needs no case of its own.
        this.#skipping = 'quoted part of record';
        at += quote + 1;
        continue;
      }
      if (lineEnd === -1) return text.length;
      this.#skipping = 'nothing';
      this.#line++;
      return lineEnd + 1;
    }
    return at;
  }

  #emit(cells: string[]): void {
    if (cells[0] === '' && cells.every((cell) => cell === '')) return;
    if (this.#columns !== undefined) {
      this.#columns.read(this.#line, cells, this.#sink);
      return;
    }
    const separator = /^sep=(.)$/.exec(cells.join(','))?.[1];
    if (separator !== undefined && separators.includes(separator)) this.#separator = separator;
    else this.#columns = CsvColumns.fromHeader(cells, this.#names);
  }

  #tooLong(): void {
    this.#sink.bad(
      this.#line,
      null,
      'record_too_long',
      `The record is longer than ${importLimits.record_chars} characters. Look for a quote that is not closed.`,
    );
    this.#columns ??= CsvColumns.fromHeader([]);
  }

  /** A cell without quotes ends at a separator, a line end, a quote, or the end of the text. */
  #endOfPlainCell(text: string, from: number): number {
    for (let at = from; at < text.length; at++) {
      const character = text[at];
      if (character === this.#separator || character === '\n' || character === '"') return at;
    }
    return text.length;
  }
}

const strayQuote = [
  'stray_quote',
  'A cell contains a quote but does not begin with one. Put the cell in quotes and double the quotes inside.',
] as const;
const textAfterQuote = [
  'text_after_quote',
  'Neither a separator nor the end of the line follows a closing quote.',
] as const;

function lineEnds(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
