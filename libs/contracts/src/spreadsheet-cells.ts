/**
 * A spreadsheet would run the text as a formula (OWASP, CSV injection), or drop the quotes of ="…". In many countries the list
 * separator is a semicolon. A spreadsheet there cuts the text at semicolons and line ends, because the quotes of a cell behind a
 * comma mean nothing to it. A line that begins with a dash is mostly part of a list, unless it could call something.
 */
const formula = /^[=+\-@\t\r]|[;\t][ "']*[=+\-@]|[\r\n][ "']*(?:[=@]|[+-][^\r\n]*[|(!])/;
const separators = /[;\t\r\n]/g;
const inert = /^="(?:[^"]|""|"&CHAR\(\d{1,3}\)&")*"$/;

/** The text with quotes around it, as a cell of CSV (RFC 4180). */
export const quotedCell = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** Whether a spreadsheet would run some part of the text as a formula. */
export const isFormula = (text: string): boolean => formula.test(text);

/** ="…" is that text for a spreadsheet, and for an import. CHAR(59) stands for a semicolon in it, and cuts nothing. */
export const inertText = (text: string): string =>
  `=${quotedCell(text).replaceAll(separators, (separator) => `"&CHAR(${separator.charCodeAt(0)})&"`)}`;

/** The text in a cell of the form of `inertText`; every other cell is a text itself. */
export const textOfCell = (cell: string): string =>
  inert.test(cell)
    ? cell
        .slice(2, -1)
        .replaceAll(/""|"&CHAR\((\d+)\)&"/g, (_, code?: string) =>
          code === undefined ? '"' : String.fromCharCode(Number(code)),
        )
    : cell;
