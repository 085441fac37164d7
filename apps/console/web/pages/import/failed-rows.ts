import { type ImportError, inertText, isFormula, isInertText, quotedCell } from '@catalog/contracts';
import { fieldNames, type FieldName } from '../../products/fields.ts';
import { reasonsColumn } from './columns.ts';
import { cellsOf, type FileFormat } from './records.ts';

const runs = (cell: string): boolean => isFormula(cell) && !isInertText(cell);

/** A cell that a spreadsheet does not run as a formula. An import reads the same text from it. */
const cell = (text: string): string => quotedCell(runs(text) ? inertText(text) : text);

/** The record as it is in the file, unless a spreadsheet would run some cell of it. */
function inertRecord(record: string, separator: string): string {
  const cells = cellsOf(record, separator);
  return cells.some(runs) ? cells.map(cell).join(separator) : record;
}

/** As the form names it. A column may be called `constructor`. */
const nameOf = (field: string): string =>
  Object.hasOwn(fieldNames, field) ? fieldNames[field as FieldName] : field;

/** The errors of one record as one text, with the fields as the form names them. */
export const reasonOf = (errors: readonly ImportError[]): string =>
  errors.map(({ field, message }) => (field === null ? message : `${nameOf(field)}: ${message}`)).join('; ');

export function errorsByLine(errors: readonly ImportError[]): ReadonlyMap<number, readonly ImportError[]> {
  return Map.groupBy(errors, ({ line }) => line);
}

/**
 * The records that failed, as CSV with the reasons in a last column. A person corrects them and imports the file as it is: that
 * column is left out, and new reasons replace the old ones. A record of NDJSON is in one column.
 */
export function failedRows(file: {
  readonly format: FileFormat;
  readonly header: string;
  readonly separator: string;
  readonly errors: readonly ImportError[];
  readonly records: ReadonlyMap<number, string>;
}): string {
  const { format, header, separator, errors, records } = file;
  const isCsv = format === 'csv';
  const columns = cellsOf(header, separator);
  const hadReasons = columns.at(-1) === reasonsColumn;
  const withReasons = (record: string, reasons: string): string => {
    const kept = hadReasons ? withoutLastCell(record, separator, columns.length) : record;
    return `${inertRecord(kept, separator)}${separator}${reasons}`;
  };
  const lines = [isCsv ? withReasons(header, reasonsColumn) : 'line,record,reasons'];
  for (const [line, wrong] of errorsByLine(errors)) {
    const record = records.get(line) ?? '';
    const reasons = cell(reasonOf(wrong));
    lines.push(isCsv ? withReasons(record, reasons) : `${line},${cell(record)},${reasons}`);
  }
  return `${lines.join('\r\n')}\r\n`;
}

/** A record with fewer cells has no reasons. */
function withoutLastCell(record: string, separator: string, columns: number): string {
  const cells = cellsOf(record, separator);
  if (cells.length < columns) return record;
  // A separator inside quotes ends no cell.
  let isQuoted = false;
  let end = 0;
  for (let at = 0; at < record.length; at++) {
    if (record[at] === '"') isQuoted = !isQuoted;
    else if (record[at] === separator && !isQuoted) end = at;
  }
  return record.slice(0, end);
}

/** A file with every field and one product, to begin with. */
export const template =
  'sku,name,description,brand,category,gtin,weightGrams,lengthMm,widthMm,heightMm,priceMinor,currency,status,attributes\r\n' +
  'EXAMPLE-1,Example product,"Text, may be long",Example brand,example,,250,120,80,40,1999,EUR,draft,"{""colour"":""white""}"\r\n';

/** Lets the browser save a text as a file. */
export function saveAs(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
