import { printable, type FieldError } from '@catalog/contracts';
import { isExactNumber } from './exact-number.ts';

export type InexactPlace = FieldError & { readonly pointer: string };

const longestName = 100;
const scalarEnd = /[,\]}\s]|$/g;

/**
 * The first repeated member, or number that a double cannot hold, in a text that `JSON.parse` accepts and that has a limited
 * depth. It is slower than `JSON.parse`, and runs only when there is such a place.
 */
export function findInexactPlace(text: string): InexactPlace {
  const reader = new Reader(text);
  return reader.value('') ?? { pointer: '', code: 'inexact', message: 'holds more than can be stored' };
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(pointer: string): InexactPlace | undefined {
    switch (this.#next()) {
      case '{':
        return this.#object(pointer);
      case '[':
        return this.#array(pointer);
      case '"':
        this.#string();
        return undefined;
      default:
        return this.#scalar(pointer);
    }
  }

  #object(pointer: string): InexactPlace | undefined {
    const names = new Set<string>();
    this.#at++;
    while (this.#next() !== '}') {
      const name = this.#string();
      const inside = `${pointer}/${printable(name, longestName).replaceAll('~', '~0').replaceAll('/', '~1')}`;
      if (names.has(name))
        return { pointer: inside, code: 'repeated_member', message: 'is given twice in one object' };
      names.add(name);
      this.#next();
      this.#at++;
      const found = this.value(inside);
      if (found !== undefined) return found;
      if (this.#next() === ',') this.#at++;
    }
    this.#at++;
    return undefined;
  }

  #array(pointer: string): InexactPlace | undefined {
    this.#at++;
    for (let index = 0; this.#next() !== ']'; index++) {
      const found = this.value(`${pointer}/${index}`);
      if (found !== undefined) return found;
      if (this.#next() === ',') this.#at++;
    }
    this.#at++;
    return undefined;
  }

  #scalar(pointer: string): InexactPlace | undefined {
    scalarEnd.lastIndex = this.#at;
    const end = scalarEnd.exec(this.#text)?.index ?? this.#text.length;
    const literal = this.#text.slice(this.#at, end);
    this.#at = end;
    if (!/^[-\d]/.test(literal) || isExactNumber(literal)) return undefined;
    return {
      pointer,
      code: 'inexact_number',
      message: 'is a number that JSON readers cannot hold exactly: send it as a string',
    };
  }

  #string(): string {
    const from = this.#at++;
    while (this.#text[this.#at] !== '"') this.#at += this.#text[this.#at] === '\\' ? 2 : 1;
    return JSON.parse(this.#text.slice(from, ++this.#at)) as string;
  }

  /** Skips white space. @returns the next character */
  #next(): string | undefined {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
    return this.#text[this.#at];
  }
}
