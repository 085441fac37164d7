import { CsvColumns } from './csv-columns.ts';
import { importLimits } from '../limits.ts';
import type { RecordReader, RecordSink } from './product-record.ts';

interface QuotedRow {
  readonly cells: string[];
  /** Position of the next record. */
  readonly next: number;
}
interface BrokenRow {
  readonly code: string;
  readonly message: string;
  /** Position of the error. The reader skips the rest of this line. */
  readonly at: number;
}

/**
 * CSV after RFC 4180: commas, doubled quotes inside quotes, LF or CRLF, a header.
 *
 * This reader is our own. csv-parse 7 loses the rest of the chunk after a record over `max_record_size` when it skips
 * bad records, does not report the line on which a record starts, and reads byte by byte.
 *
 * When the quoting of a row is broken, the reader skips to the end of the line with the error. All text between an
 * opening quote and the next quote belongs to the quoted cell, even if it looks like rows. If it were read as rows,
 * the text of a cell could write products.
 */
export class CsvRecords implements RecordReader {
  readonly #sink: RecordSink;
  #columns: CsvColumns | undefined;
  #carry = '';
  #line = 1;
  /** The rest of a line or record whose error is already reported. A record ends at a line end outside quotes. */
  #skipping: 'nothing' | 'line' | 'record' | 'quoted part of record' = 'nothing';

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  push(text: string): void {
    this.#consume(this.#carry + text, false);
  }

  end(): void {
    this.#consume(this.#carry, true);
    // Reports the missing header of an empty file. A header without a line end was read just above.
    this.#columns ??= CsvColumns.fromHeader([]);
  }

  #consume(text: string, final: boolean): void {
    let from = this.#skipping === 'nothing' ? 0 : this.#skip(text, 0);
    let quote = text.indexOf('"', from);
    while (from < text.length) {
      const lineEnd = text.indexOf('\n', from);
      if (quote !== -1 && quote < from) quote = text.indexOf('"', from);
      if (quote === -1 || (lineEnd !== -1 && lineEnd < quote)) {
        if (lineEnd === -1 && !final) break;
        const to = lineEnd === -1 ? text.length : lineEnd;
        this.#plainLine(text.slice(from, text[to - 1] === '\r' && to > from ? to - 1 : to));
        this.#line++;
        from = to + 1;
        continue;
      }
      const row = readQuotedRow(text, from, final);
      if (row === 'unfinished') break;
      from = 'cells' in row ? this.#quotedRow(text, from, row) : this.#brokenRow(text, from, row);
    }
    this.#carry = text.slice(from);
    if (this.#carry.length > importLimits.record_chars) {
      this.#tooLong();
      this.#skipping = 'record';
      this.#skip(this.#carry, 0);
      this.#carry = '';
    }
  }

  #plainLine(line: string): void {
    if (line === '') return;
    if (line.length > importLimits.record_chars) this.#tooLong();
    else this.#emit(line.split(','));
  }

  #quotedRow(text: string, from: number, row: QuotedRow): number {
    if (row.next - from > importLimits.record_chars) this.#tooLong();
    else this.#emit(row.cells);
    this.#line += newlines(text, from, row.next);
    return row.next;
  }

  #brokenRow(text: string, from: number, row: BrokenRow): number {
    this.#sink.bad(this.#line, null, row.code, row.message);
    // Without a readable header, no later row can be read.
    this.#columns ??= CsvColumns.fromHeader([]);
    this.#line += newlines(text, from, row.at);
    this.#skipping = 'line';
    return this.#skip(text, row.at);
  }

  /** @returns the position of the next record, or the end of the text. Counts the skipped lines. */
  #skip(text: string, from: number): number {
    let at = from;
    while (at < text.length) {
      if (this.#skipping === 'quoted part of record') {
        const quote = text.indexOf('"', at);
        const to = quote === -1 ? text.length : quote + 1;
        this.#line += newlines(text, at, to);
        at = to;
        if (quote !== -1) this.#skipping = 'record';
        continue;
      }
      const lineEnd = text.indexOf('\n', at);
      const quote = this.#skipping === 'record' ? text.indexOf('"', at) : -1;
      if (quote !== -1 && (lineEnd === -1 || quote < lineEnd)) {
        // A doubled quote leaves the quoted part and enters it again at once, so it needs no case of its own.
        this.#skipping = 'quoted part of record';
        at = quote + 1;
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
    if (this.#columns === undefined) {
      this.#columns = CsvColumns.fromHeader(cells);
      return;
    }
    this.#columns.read(this.#line, cells, this.#sink);
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
}

function readQuotedRow(text: string, from: number, final: boolean): QuotedRow | BrokenRow | 'unfinished' {
  const cells: string[] = [];
  let at = from;
  for (;;) {
    if (text[at] === '"') {
      let cell = '';
      let inside = at + 1;
      for (;;) {
        const quote = text.indexOf('"', inside);
        if (quote === -1) {
          if (!final) return 'unfinished';
          return {
            code: 'quote_not_closed',
            message: 'This record opens a quote and never closes it.',
            at: text.length,
          };
        }
        cell += text.slice(inside, quote);
        at = quote + 1;
        if (text[at] !== '"') break;
        cell += '"';
        inside = at + 1;
      }
      cells.push(cell);
    } else {
      const to = endOfPlainCell(text, at);
      if (to === text.length && !final) return 'unfinished';
      if (text[to] === '"') {
        return {
          code: 'stray_quote',
          message:
            'A cell contains a quote but does not begin with one. Put the cell in quotes and double the quotes inside.',
          at: to,
        };
      }
      cells.push(text.slice(at, to));
      at = to;
    }
    if (at >= text.length) return final ? { cells, next: at } : 'unfinished';
    if (text[at] === '\r' && at + 1 === text.length && !final) return 'unfinished';
    if (text[at] === '\n') return { cells, next: at + 1 };
    if (text[at] === '\r' && (text[at + 1] === '\n' || at + 1 === text.length))
      return { cells, next: at + 2 };
    if (text[at] !== ',') {
      return {
        code: 'text_after_quote',
        message: 'Neither a comma nor the end of the line follows a closing quote.',
        at,
      };
    }
    at++;
  }
}

/** A cell without quotes ends at a comma, a line end (LF, or CR before LF), a quote, or the end of the text. */
function endOfPlainCell(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === ',' || character === '\n' || character === '"') return at;
    if (character === '\r' && (text[at + 1] === '\n' || at + 1 === text.length)) return at;
  }
  return text.length;
}

function newlines(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
