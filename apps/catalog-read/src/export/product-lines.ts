import { inertText, isFormula, quotedCell } from '@catalog/contracts';
import { exportedFields, type ExportedRow } from '@catalog/database';

export const exportFormats = ['csv', 'ndjson'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Writes rows in one format. `POST /v1/imports` reads the result back without a change. */
export interface LineWriter {
  readonly mediaType: string;
  /** Before the first row. */
  readonly head: string;
  /** One line, with its end. */
  line(row: ExportedRow): string;
}

const texts = new Set<string>(['sku', 'name', 'description', 'brand', 'category']);
const isText = exportedFields.map((field) => texts.has(field));
/** JSON, in which a semicolon stands only in strings. */
const attributes = exportedFields.indexOf('attributes');
const special = /[",\r\n]/;

function cell(value: string | null, index: number): string {
  if (value === null) return '';
  if (isText[index] === true && isFormula(value)) return quotedCell(inertText(value));
  const shown = index === attributes ? value.replaceAll(';', String.raw`\u003b`) : value;
  return special.test(shown) ? quotedCell(shown) : shown;
}

/** RFC 4180 with LF. An empty cell is null, or an empty text in a field that cannot be null. */
const csv: LineWriter = {
  mediaType: 'text/csv; charset=utf-8; header=present',
  head: `${exportedFields.join(',')}\n`,
  line(row) {
    let line = '';
    for (const [index, value] of row.entries())
      line += index === 0 ? cell(value, index) : `,${cell(value, index)}`;
    return `${line}\n`;
  },
};

const jsonTexts = new Set<string>([...texts, 'gtin', 'currency', 'status']);
const members = exportedFields.map(
  (field, index) => [`${index === 0 ? '{' : ','}"${field}":`, jsonTexts.has(field)] as const,
);

const ndjson: LineWriter = {
  mediaType: 'application/x-ndjson',
  head: '',
  line(row) {
    let line = '';
    for (const [index, [name, isString]] of members.entries()) {
      const value = row[index] ?? null;
      // Numbers and attributes are JSON as Postgres writes them.
      line += name + (isString || value === null ? JSON.stringify(value) : value);
    }
    return `${line}}\n`;
  },
};

export const lineWriters: Readonly<Record<ExportFormat, LineWriter>> = { csv, ndjson };
