import { types, type CustomTypesConfig } from 'pg';

const defaultParser = types.getTypeParser as (
  oid: number,
  format?: 'text' | 'binary',
) => (text: string) => unknown;

function parseInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw new RangeError(`the bigint ${text} is beyond 2^53 - 1 and has no exact number`);
  return value;
}

function parseIntegers(text: string): (number | null)[] {
  if (text === '{}') return [];
  return text
    .slice(1, -1)
    .split(',')
    .map((item) => (item === 'NULL' ? null : parseInteger(item)));
}

/** Microseconds are cut off: JavaScript and the contract have milliseconds. */
function parseTimestamp(text: string): string {
  const parsed = defaultParser(types.builtins.TIMESTAMPTZ)(text);
  if (!(parsed instanceof Date) || Number.isNaN(parsed.getTime())) {
    throw new RangeError(`the timestamp ${text} has no ISO-8601 form`);
  }
  return parsed.toISOString();
}

const bigintArray = 1016;
const parsers = new Map<number, (text: string) => unknown>([
  [types.builtins.INT8, parseInteger],
  [bigintArray, parseIntegers],
  [types.builtins.TIMESTAMPTZ, parseTimestamp],
]);

/** For one pool; pg's own global parsers stay as they are. */
export const typeParsers: CustomTypesConfig = {
  getTypeParser: (oid, format) => (format !== 'binary' && parsers.get(oid)) || defaultParser(oid, format),
};
