import {
  CatalogError,
  productCreateSchema,
  writableProductFields,
  type FieldError,
  type ProductCreate,
} from '@catalog/contracts';
import type { RecordSink } from './product-record.ts';

type Field = keyof ProductCreate;

const known = new Set<string>(writableProductFields);
const required = writableProductFields.filter(
  (field) => !productCreateSchema.shape[field].safeParse(undefined).success,
);
const numbers = new Set<Field>(['weightGrams', 'lengthMm', 'widthMm', 'heightMm', 'priceMinor']);

/** The columns of one file. Its header names fields of a product, in any order. */
export class CsvColumns {
  readonly #fields: readonly Field[];

  private constructor(fields: readonly Field[]) {
    this.#fields = fields;
  }

  /** @throws CatalogError `invalid_request` with every unknown, repeated and missing column */
  static fromHeader(header: readonly string[]): CsvColumns {
    const errors: FieldError[] = [];
    const seen = new Set<string>();
    for (const name of header) {
      if (!known.has(name)) errors.push({ code: 'unknown_column', message: unknownColumn(name) });
      else if (seen.has(name))
        errors.push({ code: 'double_column', message: `The column "${name}" appears twice.` });
      seen.add(name);
    }
    for (const name of required) {
      if (!seen.has(name))
        errors.push({ code: 'missing_column', message: `The column "${name}" is missing.` });
    }
    if (errors.length > 0) {
      const first = errors
        .slice(0, 3)
        .map((error) => error.message)
        .join(' ');
      const reason =
        header.length === 0
          ? 'The file has no readable header.'
          : `The header cannot be used. ${first} Columns are ${writableProductFields.join(', ')}.`;
      throw new CatalogError('invalid_request', reason, { errors: errors.slice(0, 100) });
    }
    return new CsvColumns(header as readonly Field[]);
  }

  /** An empty cell is an absent field. A number has digits only; anything else stays text, and the schema refuses it. */
  read(line: number, cells: readonly string[], sink: RecordSink): void {
    if (cells.length !== this.#fields.length) {
      sink.bad(
        line,
        null,
        'column_count',
        `The row has ${cells.length} cells, the header has ${this.#fields.length}.`,
      );
      return;
    }
    const record: Record<string, unknown> = {};
    for (const [index, field] of this.#fields.entries()) {
      const cell = cells[index];
      if (cell === undefined || cell === '') continue;
      if (field === 'attributes') {
        try {
          record[field] = JSON.parse(cell);
        } catch {
          sink.bad(line, field, 'malformed_json', 'The cell is not valid JSON.');
          return;
        }
      } else {
        record[field] = numbers.has(field) && /^(?:0|-?[1-9]\d{0,15})$/.test(cell) ? Number(cell) : cell;
      }
    }
    sink.record(line, record);
  }
}

function unknownColumn(name: string): string {
  const shown = JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
  if (name.includes(';')) return `The column ${shown} is unknown. Separate cells by commas, not semicolons.`;
  if (name.includes('\t')) return `The column ${shown} is unknown. Separate cells by commas, not tabs.`;
  if (name.includes('|')) return `The column ${shown} is unknown. Separate cells by commas, not bars.`;
  if (name.includes('\r'))
    return `The column ${shown} is unknown. End lines with LF or CR LF, not with CR alone.`;
  return `The column ${shown} is unknown.`;
}
