import { requiredOfNewProducts, type ImportError } from '@catalog/contracts';
import { importError } from '../import-error.ts';
import { importLimits } from '../limits.ts';
import { checkRecord, type RecordSink } from '../parse/product-record.ts';
import type { Duplicates, Staging } from './staging.ts';

/** Counts the records of an import, stages the valid ones and keeps the first errors of the others. */
export class RecordStager implements RecordSink {
  readonly #staging: Pick<Staging, 'add'>;
  readonly #errors: ImportError[] = [];
  received = 0;
  failed = 0;
  /** Some valid record lacks a field that a new product needs. */
  maybeIncomplete = false;

  constructor(staging: Pick<Staging, 'add'>) {
    this.#staging = staging;
  }

  record(line: number, value: Record<string, unknown>): void {
    this.received++;
    const checked = checkRecord(value);
    if ('product' in checked) {
      const { product } = checked;
      this.maybeIncomplete ||= requiredOfNewProducts.some((field) => product[field] === undefined);
      this.#staging.add(line, product);
      return;
    }
    this.failed++;
    for (const { field, code, message } of checked.problems) this.#addError(line, field, code, message);
  }

  bad(line: number, field: string | null, code: string, message: string): void {
    this.received++;
    this.failed++;
    this.#addError(line, field, code, message);
  }

  duplicates(found: Duplicates): void {
    this.failed += found.total;
    for (const { line, sku, firstLine } of found.first) {
      this.#addError(
        line,
        'sku',
        'duplicate_sku',
        `Line ${firstLine} already has the SKU ${JSON.stringify(sku)}.`,
      );
    }
  }

  /** With those that were found later: the first ones, by line. */
  errorsWith(later: readonly ImportError[]): readonly ImportError[] {
    return [...this.#errors, ...later]
      .toSorted((one, other) => one.line - other.line)
      .slice(0, importLimits.listedErrors);
  }

  #addError(line: number, field: string | null, code: string, message: string): void {
    if (this.#errors.length < importLimits.listedErrors)
      this.#errors.push(importError(line, field, code, message));
  }
}
