/** The order of a list, and the place in it where a page ends. */
import type { ProductSort } from '@catalog/contracts';
import type { Bound } from './filter.ts';

interface Key {
  readonly expression: string;
  readonly type: string;
  readonly descending: boolean;
}

const sortKeys: Readonly<Record<ProductSort['by'], Omit<Key, 'descending'>>> = {
  name: { expression: 'catalog.fold(p.name) collate "C"', type: 'text' },
  price: { expression: 'p.price_minor', type: 'bigint' },
  updatedAt: { expression: 'p.updated_at', type: 'timestamptz' },
  createdAt: { expression: 'p.created_at', type: 'timestamptz' },
};

export const usualSort: readonly ProductSort[] = [{ by: 'createdAt', descending: false }];

/** The values of the sort keys in the last row of a page as Postgres writes them, and its id. */
export type Position = readonly string[];

export class ListOrder {
  readonly #keys: readonly Key[];

  constructor(sort: readonly ProductSort[]) {
    const keys = sort.map(({ by, descending }) => ({ ...sortKeys[by], descending }));
    // The id orders equal rows, in the direction of the last key, so that an index fits one key both ways.
    const id = { expression: 'p.id', type: 'uuid', descending: keys.at(-1)?.descending ?? false };
    this.#keys = [...keys, id];
  }

  /** Fixed text for the marks of page.sql. */
  get marks() {
    const named = this.#keys.slice(0, -1);
    const direction = (key: Key) => (key.descending ? 'desc' : 'asc');
    return {
      keys: named.map((key, index) => `${key.expression} as key${index}`).join(', '),
      key_texts: named.map((_, index) => `page.key${index}::text as "key${index}"`).join(', '),
      order: this.#keys.map((key) => `${key.expression} ${direction(key)}`).join(', '),
      page_order: [
        ...named.map((key, index) => `key${index} ${direction(key)}`),
        `id ${direction(this.#keys.at(-1) as Key)}`,
      ].join(', '),
    };
  }

  /** The condition that selects the rows after the position. */
  after(position: Position, bound: Bound): string {
    const values = this.#keys.map((key, index) => bound.add(position[index], key.type));
    const [first] = this.#keys;
    if (this.#keys.every(({ descending }) => descending === first?.descending)) {
      const expressions = this.#keys.map(({ expression }) => expression).join(', ');
      return `(${expressions}) ${first?.descending === true ? '<' : '>'} (${values.join(', ')})`;
    }
    // Row values compare all keys in one direction, so mixed ones are written out. The first part alone bounds the index.
    const parts = this.#keys.map(({ expression, descending }, index) => {
      const equal = this.#keys.slice(0, index).map((key, before) => `${key.expression} = ${values[before]}`);
      return [...equal, `${expression} ${descending ? '<' : '>'} ${values[index]}`].join(' and ');
    });
    const bounds = `${first?.expression} ${first?.descending === true ? '<=' : '>='} ${values[0]}`;
    return `${bounds} and (${parts.map((part) => `(${part})`).join(' or ')})`;
  }

  /** Whether Postgres can read these values. A cursor that somebody made up might hold anything. */
  accepts(position: readonly unknown[]): position is Position {
    return (
      position.length === this.#keys.length &&
      this.#keys.every(({ type }, index) => isReadable(type, position[index]))
    );
  }
}

function isReadable(type: string, value: unknown): boolean {
  if (typeof value !== 'string') return false;
  switch (type) {
    case 'bigint':
      return /^\d{1,16}$/.test(value);
    case 'uuid':
      return /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/.test(value);
    case 'timestamptz':
      return isTimestamp(value);
    default:
      return value.length <= 2_000 && !value.includes('\0') && value.isWellFormed();
  }
}

/** The last year that Postgres knows (manual, 8.5). A product of such a year is not shown, but a page may end at it. */
const lastYear = 294_275;

function isTimestamp(text: string): boolean {
  if (/^-?infinity$/.test(text)) return true;
  const found = /^(\d{4,6})-(\d\d)-(\d\d) (?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{1,6})?\+00$/.exec(text);
  if (found === null) return false;
  const [year = 0, month = 0, day = 0] = found.slice(1).map(Number);
  const lastDay = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
  return year >= 1 && year <= lastYear && month >= 1 && month <= 12 && day >= 1 && day <= lastDay;
}
