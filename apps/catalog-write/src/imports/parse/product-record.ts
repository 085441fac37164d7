import { productImportSchema, ruleText, writableProductFields, type ProductImport } from '@catalog/contracts';
import { gtinMessage, wholeNumberMessage } from './hints.ts';

/** Takes the records of a file, in their order. */
export interface RecordSink {
  /** `line` is the line on which the record starts, counted from 1. */
  record(line: number, value: Record<string, unknown>): void;
  bad(line: number, field: string | null, code: string, message: string): void;
}

/** Reads records from text that arrives in pieces, cut anywhere. Throws `CatalogError` when no record can be read. */
export interface RecordReader {
  push(text: string): void;
  end(): void;
}

export interface RecordProblem {
  readonly field: string | null;
  readonly code: string;
  readonly message: string;
}
export type CheckedRecord =
  | { readonly product: ProductImport }
  | { readonly problems: readonly RecordProblem[] };

const known = new Set<string>(writableProductFields);

/**
 * Checks one record by the rules of `POST /v1/products`; only the SKU has to be there. The schema checks 170,000 records a
 * second on one core, several times what Postgres can take, so a second, faster set of rules is not needed.
 */
export function checkRecord(record: Record<string, unknown>): CheckedRecord {
  const unknown = unknownFields(record);
  if (unknown.length > 0) return { problems: unknown };
  const result = productImportSchema.safeParse(record, { error: ruleText });
  if (result.success) return { product: result.data };
  return {
    problems: result.error.issues.map((issue) => {
      const field = issue.path.length === 0 ? null : issue.path.map(String).join('.');
      const value = issue.path.length === 1 ? record[String(issue.path[0])] : undefined;
      if (issue.code === 'invalid_type' && issue.path.length === 1 && value === undefined) {
        return { field, code: 'required', message: 'is required' };
      }
      if (value === '') return { field, code: 'required', message: 'must not be empty' };
      if (field === 'gtin' && typeof value === 'string') {
        return { field, code: issue.code, message: gtinMessage(value) ?? issue.message };
      }
      if (issue.code === 'invalid_type' && typeof value === 'string') {
        const isObject = issue.expected === 'object' || issue.expected === 'record';
        const message = isObject ? 'must be an object' : wholeNumberMessage(field ?? '', value, record);
        return { field, code: issue.code, message };
      }
      return { field, code: issue.code, message: issue.message };
    }),
  };
}

/**
 * The schema also refuses unknown fields, except `__proto__`: JSON.parse makes that a plain field, and zod silently
 * ignores it.
 */
function unknownFields(record: Record<string, unknown>): RecordProblem[] {
  const problems: RecordProblem[] = [];
  for (const field of Object.keys(record)) {
    if (!known.has(field))
      problems.push({ field, code: 'unknown_field', message: 'is not a field that can be set' });
  }
  const attributes = record['attributes'];
  if (typeof attributes === 'object' && attributes !== null && Object.hasOwn(attributes, '__proto__')) {
    problems.push({ field: 'attributes', code: 'invalid_key', message: 'must not use the key "__proto__"' });
  }
  return problems;
}
