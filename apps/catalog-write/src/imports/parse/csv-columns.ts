import { importLimits } from '../limits.ts';
import {
  CatalogError,
  printable,
  textOfCell,
  writableProductFields,
  type FieldError,
} from '@catalog/contracts';
import { parseExactJson } from '@catalog/service-kit';
import { isField, suggestedField, type ColumnNames, type Field } from './column-names.ts';
import { jsonProblem } from './ndjson-records.ts';
import type { RecordSink } from './product-record.ts';

const numbers = new Set<Field>(['weightGrams', 'lengthMm', 'widthMm', 'heightMm', 'priceMinor']);

/** What an empty cell means. The other fields cannot be empty: there the record is refused. */
const emptied: Readonly<Partial<Record<Field, unknown>>> = {
  gtin: null,
  weightGrams: null,
  lengthMm: null,
  widthMm: null,
  heightMm: null,
  description: '',
  attributes: {},
  // No status is empty. A row without one leaves it as it is.
  status: undefined,
};

/** The columns of one file. Its header names fields of a product, in any order. Absent columns leave fields as they are. */
export class CsvColumns {
  /** null: the caller leaves this column out. */
  readonly #fields: readonly (Field | null)[];

  private constructor(fields: readonly (Field | null)[]) {
    this.#fields = fields;
  }

  /** @throws CatalogError `invalid_request` with every unknown and repeated column, and a missing SKU */
  static fromHeader(header: readonly string[], names: ColumnNames = new Map()): CsvColumns {
    const errors: FieldError[] = [];
    const seen = new Set<Field>();
    const mapped = new Set<string>();
    // Spreadsheets add empty columns behind the last one.
    const columns = header.slice(0, header.findLastIndex((name) => name !== '') + 1);
    if (columns.length > mostColumns) {
      const most = `The header has ${columns.length} columns, and ${mostColumns} is the most.`;
      throw new CatalogError('invalid_request', most);
    }
    const fields = columns.map((name) => {
      const trimmed = name.trim();
      const field = names.get(trimmed);
      if (field !== undefined) mapped.add(trimmed);
      const found = field === undefined && isField(name) ? name : field;
      if (errors.length >= importLimits.listedErrors) return null;
      if (found === undefined) errors.push({ code: 'unknown_column', message: unknownColumn(name) });
      else if (found !== null && seen.has(found))
        errors.push({ code: 'double_column', message: `The column "${found}" appears twice.` });
      else if (found !== null) seen.add(found);
      return found ?? null;
    });
    for (const name of names.keys()) {
      if (!mapped.has(name))
        errors.push({
          code: 'missing_column',
          message: `"columns" maps ${shown(name)}, which the file does not have.`,
        });
    }
    if (!seen.has('sku')) errors.push({ code: 'missing_column', message: 'The column "sku" is missing.' });
    if (errors.length > 0) {
      const first = errors
        .slice(0, 3)
        .map((error) => error.message)
        .join(' ');
      const reason =
        columns.length === 0
          ? 'The file has no readable header.'
          : `The header cannot be used. ${first} Columns are ${writableProductFields.join(', ')}.`;
      throw new CatalogError('invalid_request', reason, {
        errors: errors.slice(0, importLimits.listedErrors),
      });
    }
    return new CsvColumns(fields);
  }

  /** A number has digits only; anything else stays text, and the schema refuses it. */
  read(line: number, cells: readonly string[], sink: RecordSink): void {
    const count = this.#fields.length;
    if (
      cells.length < count ||
      (cells.length > count && cells.some((cell, index) => index >= count && cell !== ''))
    ) {
      const message = `The row has ${cells.length} cells, the header has ${count}.`;
      sink.bad(line, null, 'column_count', message);
      return;
    }
    const record: Record<string, unknown> = {};
    for (let index = 0; index < count; index++) {
      const field = this.#fields[index];
      let cell = cells[index];
      if (field === null || field === undefined || cell === undefined) continue;
      if (cell.startsWith('="')) cell = textOfCell(cell);
      if (cell === '') {
        if (!(field in emptied)) record[field] = '';
        else if (emptied[field] !== undefined) record[field] = emptied[field];
      } else if (field === 'attributes') {
        try {
          record[field] = parseExactJson(cell);
        } catch (error) {
          sink.bad(line, ...jsonProblem(error, field));
          return;
        }
      } else {
        record[field] = numbers.has(field) && /^(?:0|-?[1-9]\d{0,15})$/.test(cell) ? Number(cell) : cell;
      }
    }
    sink.record(line, record);
  }
}

const shown = (name: string): string => JSON.stringify(printable(name, 100));

/** A product has 16 fields, so a file with many more columns holds something else. For each unknown column we search the field that was meant. */
const mostColumns = 1_000;

function unknownColumn(name: string): string {
  const unknown = `The column ${shown(name)} is unknown.`;
  if (name === '') return 'A column in the middle has no name.';
  if (name.includes(';'))
    return `${unknown} Separate cells by commas, not semicolons, or begin the file with the line sep=;`;
  if (name.includes('\t')) return `${unknown} Separate cells by commas, not tabs.`;
  if (name.includes('|'))
    return `${unknown} Separate cells by commas, not bars, or begin the file with the line sep=|`;
  if (name.includes('\r')) return `${unknown} End lines with LF or CR LF, not with CR alone.`;
  const field = suggestedField(name);
  if (field === undefined) return `${unknown} Leave it out with columns=${printable(name.trim(), 100)}:`;
  return `${unknown} Did you mean ${field}? If so, write that, or map it with columns=${printable(name.trim(), 100)}:${field}`;
}
