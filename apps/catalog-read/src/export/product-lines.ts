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
/**
 * A spreadsheet would run the text as a formula (OWASP, CSV injection), or drop the quotes of ="…". In many countries the list
 * separator is a semicolon. A spreadsheet there cuts the text at semicolons and line ends, because the quotes of a cell behind a
 * comma mean nothing to it. A line that begins with a dash is mostly part of a list, unless it could call something.
 */
const formula = /^[=+\-@\t\r]|[;\t][ "']*[=+\-@]|[\r\n][ "']*(?:[=@]|[+-][^\r\n]*[|(!])/;
const separators = /[;\t\r\n]/g;

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** ="…" is that text for a spreadsheet, and for an import. CHAR(59) stands for a semicolon in it, and cuts nothing. */
const inert = (text: string): string =>
  `=${quoted(text).replaceAll(separators, (separator) => `"&CHAR(${separator.charCodeAt(0)})&"`)}`;

function cell(value: string | null, index: number): string {
  if (value === null) return '';
  if (isText[index] === true && formula.test(value)) return quoted(inert(value));
  const shown = index === attributes ? value.replaceAll(';', String.raw`\u003b`) : value;
  return special.test(shown) ? quoted(shown) : shown;
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
