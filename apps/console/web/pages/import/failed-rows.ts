import { type ImportError, inertText, isFormula, quotedCell, textOfCell } from '@catalog/contracts';
import { fieldNames, type FieldName } from '../../products/fields.ts';
import { reasonsColumn } from './columns.ts';
import { cellsOf, type FileFormat } from './records.ts';

/** A cell that a spreadsheet does not run as a formula, and from which an import reads the same text. */
function cell(inFile: string): string {
  const text = textOfCell(inFile);
  const mustBeInert = text !== inFile || isFormula(text);
  return quotedCell(mustBeInert ? inertText(text) : text);
}

/** With commas and quotes, whatever the file has. Where a spreadsheet cuts a cell in another place, it might run the rest. */
const recordOf = (cells: readonly string[]): string => cells.map(cell).join(',');

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
 * The records that failed, as CSV with commas and the reasons in a last column. A person corrects them and imports the file as it is: that
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
  /** A record with fewer cells has no reasons. */
  const kept = (record: string): string[] => {
    const cells = cellsOf(record, separator);
    return hadReasons && cells.length >= columns.length ? cells.slice(0, -1) : cells;
  };
  const lines = [isCsv ? recordOf([...kept(header), reasonsColumn]) : 'line,record,reasons'];
  for (const [line, wrong] of errorsByLine(errors)) {
    const record = records.get(line) ?? '';
    const reasons = reasonOf(wrong);
    lines.push(isCsv ? recordOf([...kept(record), reasons]) : `${line},${recordOf([record, reasons])}`);
  }
  return `${lines.join('\r\n')}\r\n`;
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
