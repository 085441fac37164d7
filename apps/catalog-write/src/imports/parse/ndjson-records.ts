import { CatalogError } from '@catalog/contracts';
import { parseExactJson } from '@catalog/service-kit';
import { importLimits } from '../limits.ts';
import type { RecordReader, RecordSink } from './product-record.ts';
import { TextParts } from './text-parts.ts';

/** One JSON object per line. Skips empty lines. Each character is looked at once, however the text is cut. */
export class NdjsonRecords implements RecordReader {
  readonly #sink: RecordSink;
  /** The beginning of a line whose end has not come. */
  readonly #begun = new TextParts();
  #line = 1;
  /** The current line is over the limit and is already reported. The rest of it is skipped. */
  #skipping = false;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  push(text: string): void {
    let from = 0;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', from)) {
      if (this.#skipping) this.#skipping = false;
      else {
        this.#begun.add(text.slice(from, at));
        this.#read(this.#begun.take());
      }
      this.#line++;
      from = at + 1;
    }
    if (this.#skipping) return;
    this.#begun.add(text.slice(from));
    if (this.#begun.length > importLimits.record_chars) {
      this.#tooLong();
      this.#skipping = true;
      this.#begun.take();
    }
  }

  end(): void {
    if (!this.#skipping) this.#read(this.#begun.take());
  }

  #read(line: string): void {
    if (line.length > importLimits.record_chars) {
      this.#tooLong();
      return;
    }
    if (line.trim() === '') return;
    let value: unknown;
    try {
      value = parseExactJson(line);
    } catch (error) {
      this.#sink.bad(this.#line, ...jsonProblem(error));
      return;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      const hint = Array.isArray(value) ? ' Write each object of an array on a line of its own.' : '';
      this.#sink.bad(this.#line, null, 'not_an_object', `The line is not a JSON object.${hint}`);
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

/** Field, code and message of an error of `parseExactJson`. @throws any other error */
export function jsonProblem(error: unknown, within?: string): [string | null, string, string] {
  if (!(error instanceof CatalogError)) throw error;
  const [first] = error.errors;
  if (first === undefined) return [within ?? null, 'malformed_json', error.message];
  const inside = first.pointer?.slice(1).replaceAll('/', '.') ?? '';
  const field = [within ?? '', inside].filter((part) => part !== '').join('.');
  return [field === '' ? null : field, first.code, first.message];
}
