import { CsvColumns } from './csv-columns.ts';
import { importLimits } from '../limits.ts';
import type { RecordReader, RecordSink } from './product-record.ts';

interface Row {
  readonly cells: string[];
  /** Where the next record starts. */
  readonly next: number;
}
interface BrokenRow {
  readonly code: string;
  readonly message: string;
  /** The line that this position is on is given up. */
  readonly at: number;
}

/**
 * CSV as RFC 4180 has it: comma, quotes doubled inside quotes, LF or CRLF, a header.
 *
 * Our own, since csv-parse 7 loses the rest of the chunk after a record over `max_record_size` when
 * bad records are to be skipped, does not tell the line that a record starts on, and reads byte by byte.
 *
 * A row with broken quoting is given up to the end of the line that the break is on. What stands between an
 * opening quote and the next one belongs to the quoted cell, even if it looks like rows: taking it
 * for rows would let the text of a cell write products.
 */
export class CsvRecords implements RecordReader {
  readonly #sink: RecordSink;
  #columns: CsvColumns | undefined;
  #carry = '';
  #line = 1;
  /** What was reported already and is dropped: the rest of a line, or of a record, which ends outside quotes. */
  #dropping: 'nothing' | 'line' | 'record' | 'quoted part of record' = 'nothing';

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  push(text: string): void {
    this.#consume(this.#carry + text, false);
  }

  end(): void {
    this.#consume(this.#carry, true);
    // A header without a line end was read above; without any header there is nothing to report on.
    this.#columns ??= CsvColumns.fromHeader([]);
  }

  #consume(text: string, final: boolean): void {
    let from = this.#dropping === 'nothing' ? 0 : this.#drop(text, 0);
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
      this.#dropping = 'record';
      this.#drop(this.#carry, 0);
      this.#carry = '';
    }
  }

  #plainLine(line: string): void {
    if (line === '') return;
    if (line.length > importLimits.record_chars) this.#tooLong();
    else this.#emit(line.split(','));
  }

  #quotedRow(text: string, from: number, row: Row): number {
    if (row.next - from > importLimits.record_chars) this.#tooLong();
    else this.#emit(row.cells);
    this.#line += newlines(text, from, row.next);
    return row.next;
  }

  #brokenRow(text: string, from: number, row: BrokenRow): number {
    this.#sink.bad(this.#line, null, row.code, row.message);
    // A header that cannot be read gives no columns to read the rest by.
    this.#columns ??= CsvColumns.fromHeader([]);
    this.#line += newlines(text, from, row.at);
    this.#dropping = 'line';
    return this.#drop(text, row.at);
  }

  /** Passes over what is given up, counting lines; returns where the next record starts, or the end of the text. */
  #drop(text: string, from: number): number {
    let at = from;
    while (at < text.length) {
      if (this.#dropping === 'quoted part of record') {
        const quote = text.indexOf('"', at);
        const to = quote === -1 ? text.length : quote + 1;
        this.#line += newlines(text, at, to);
        at = to;
        if (quote !== -1) this.#dropping = 'record';
        continue;
      }
      const lineEnd = text.indexOf('\n', at);
      const quote = this.#dropping === 'record' ? text.indexOf('"', at) : -1;
      if (quote !== -1 && (lineEnd === -1 || quote < lineEnd)) {
        // Doubled quotes leave and enter the quoted part at once, which comes to the same.
        this.#dropping = 'quoted part of record';
        at = quote + 1;
        continue;
      }
      if (lineEnd === -1) return text.length;
      this.#dropping = 'nothing';
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
      `The record is longer than ${importLimits.record_chars} characters; is a quote not closed?`,
    );
    this.#columns ??= CsvColumns.fromHeader([]);
  }
}

function readQuotedRow(text: string, from: number, final: boolean): Row | BrokenRow | 'unfinished' {
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
            message: 'A quote opens in this record and is never closed.',
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
            'A quote stands inside a cell that does not begin with one; put the cell in quotes and double those inside.',
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
        message: 'A closing quote is followed by neither a comma nor the end of the line.',
        at,
      };
    }
    at++;
  }
}

/** At a comma, a line end (LF, or CR before LF), a quote, or the end of the text. */
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
