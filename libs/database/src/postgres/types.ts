import { types, type CustomTypesConfig } from 'pg';

/** Stands for a value that JSON cannot show. */
export class UnreadableValue {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

const defaultParser = types.getTypeParser as (
  oid: number,
  format?: 'text' | 'binary',
) => (text: string) => unknown;

function parseInteger(text: string): number | UnreadableValue {
  const value = Number(text);
  return Number.isSafeInteger(value)
    ? value
    : new UnreadableValue(`the bigint ${text} is beyond 2^53 - 1 and has no exact number`);
}

function parseIntegers(text: string): (number | null)[] | UnreadableValue {
  if (text === '{}') return [];
  const items = text
    .slice(1, -1)
    .split(',')
    .map((item) => (item === 'NULL' ? null : parseInteger(item)));
  const unreadable = items.find((item) => item instanceof UnreadableValue);
  return unreadable ?? (items as (number | null)[]);
}

/** Microseconds are cut off: JavaScript and the contract have milliseconds. */
function parseTimestamp(text: string): string | UnreadableValue {
  const parsed = defaultParser(types.builtins.TIMESTAMPTZ)(text);
  const isDate = parsed instanceof Date && !Number.isNaN(parsed.getTime());
  const iso = isDate ? parsed.toISOString() : '';
  // Years below 0 and above 9999 get a sign and six digits, which the contract does not know.
  return iso.length === 24
    ? iso
    : new UnreadableValue(`the timestamp ${text} has no ISO-8601 form with a year of four digits`);
}

/** Digits of the greatest double before the point; Postgres writes numbers of a jsonb without an exponent. */
const digitsOfGreatestDouble = 309;

function parseJsonb(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (text.length < digitsOfGreatestDouble || !holdsInfinity(value)) return value;
  return new UnreadableValue('a number in the jsonb is beyond the greatest double, 1.8e308');
}

function holdsInfinity(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some(holdsInfinity);
  return typeof value === 'number' && !Number.isFinite(value);
}

const bigintArray = 1016;
const parsers = new Map<number, (text: string) => unknown>([
  [types.builtins.INT8, parseInteger],
  [bigintArray, parseIntegers],
  [types.builtins.TIMESTAMPTZ, parseTimestamp],
  [types.builtins.JSONB, parseJsonb],
]);

function failing(parse: (text: string) => unknown): (text: string) => unknown {
  return (text) => {
    const value = parse(text);
    if (value instanceof UnreadableValue) throw new RangeError(value.reason);
    return value;
  };
}
const failingParsers = new Map([...parsers].map(([oid, parse]) => [oid, failing(parse)]));

const withDefaults = (own: ReadonlyMap<number, (text: string) => unknown>): CustomTypesConfig => ({
  getTypeParser: (oid, format) => (format !== 'binary' && own.get(oid)) || defaultParser(oid, format),
});

/** For one pool; pg's own global parsers stay unchanged. A value that JSON cannot show fails the query. */
export const typeParsers = withDefaults(failingParsers);
/** For one query: a value that JSON cannot show becomes an `UnreadableValue`. */
export const markingParsers = withDefaults(parsers);
