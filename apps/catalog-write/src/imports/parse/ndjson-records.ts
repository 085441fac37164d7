import { importLimits } from '../limits.ts';
import type { RecordReader, RecordSink } from './product-record.ts';

/** One JSON object per line. Skips empty lines. */
export class NdjsonRecords implements RecordReader {
  readonly #sink: RecordSink;
  #carry = '';
  #line = 1;
  /** The current line is over the limit and is already reported. The rest of it is skipped. */
  #skipping = false;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  push(text: string): void {
    const all = this.#carry + text;
    let from = 0;
    for (let at = all.indexOf('\n'); at !== -1; at = all.indexOf('\n', from)) {
      if (this.#skipping) this.#skipping = false;
      else this.#read(all.slice(from, at));
      this.#line++;
      from = at + 1;
    }
    this.#carry = this.#skipping ? '' : all.slice(from);
    if (this.#carry.length > importLimits.record_chars) {
      this.#tooLong();
      this.#skipping = true;
      this.#carry = '';
    }
  }

  end(): void {
    if (!this.#skipping) this.#read(this.#carry);
    this.#carry = '';
  }

  #read(line: string): void {
    if (line.length > importLimits.record_chars) {
      this.#tooLong();
      return;
    }
    if (line.trim() === '') return;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      this.#sink.bad(this.#line, null, 'malformed_json', 'The line is not valid JSON.');
      return;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#sink.bad(this.#line, null, 'not_an_object', 'The line is not a JSON object.');
      return;
    }
    this.#sink.record(this.#line, value as Record<string, unknown>);
  }

  #tooLong(): void {
    this.#sink.bad(
      this.#line,
      null,
      'record_too_long',
      `The record is longer than ${importLimits.record_chars} characters.`,
    );
  }
}
