import type { ImportError } from '@catalog/contracts';
import { importLimits } from '../limits.ts';
import { checkRecord, type RecordSink } from '../parse/product-record.ts';
import type { Duplicates, Staging } from './staging.ts';

/** Counts the records of an import, stages the valid ones and keeps the first errors of the others. */
export class RecordStager implements RecordSink {
  readonly #staging: Pick<Staging, 'add'>;
  readonly #errors: ImportError[] = [];
  received = 0;
  failed = 0;

  constructor(staging: Pick<Staging, 'add'>) {
    this.#staging = staging;
  }

  record(line: number, value: Record<string, unknown>): void {
    this.received++;
    const checked = checkRecord(value);
    if ('product' in checked) {
      this.#staging.add(line, checked.product);
      return;
    }
    this.failed++;
    for (const problem of checked.problems) this.#addError({ line, ...problem });
  }

  bad(line: number, field: string | null, code: string, message: string): void {
    this.received++;
    this.failed++;
    this.#addError({ line, field, code, message });
  }

  duplicates(found: Duplicates): void {
    this.failed += found.total;
    for (const { line, sku, firstLine } of found.first) {
      this.#addError({
        line,
        field: 'sku',
        code: 'duplicate_sku',
        message: `Line ${firstLine} already has the SKU ${JSON.stringify(sku)}.`,
      });
    }
  }

  /** By line. */
  get errors(): readonly ImportError[] {
    return this.#errors.toSorted((one, other) => one.line - other.line);
  }

  #addError(error: ImportError): void {
    if (this.#errors.length < importLimits.listedErrors) this.#errors.push(error);
  }
}
