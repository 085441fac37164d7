import type { Source } from '@catalog/cache';
import { answersFrom, cacheStatus } from '../http/answer.ts';
import type { JoinedProducts } from '../products/lists.ts';
import type { PreparedProduct } from '../products/prepared-product.ts';

/** The headers of one product as text, for 200 and 304, and those of several. */
export class ProductHeads {
  readonly #begin: string;

  /** @param policy the value of `RateLimit-Policy` */
  constructor(policy: string) {
    this.#begin = `RateLimit-Policy: ${policy}\r\nRateLimit: `;
  }

  /** @param limit the value of `RateLimit` */
  of(isKnown: boolean, limit: string, product: PreparedProduct, source: Source, age_ms: number): string {
    answersFrom[source] += 1;
    const head = `${this.#begin}${limit}${beforeAge[source]}${Math.floor(age_ms / 1000)}${behindAge}${product.head}`;
    return isKnown ? `${head}${nosniff}` : `${head}${beforeLength}${product.text.length}\r\n${nosniff}`;
  }

  ofMany(limit: string, { version, source, age_ms, payload }: JoinedProducts): string {
    answersFrom[source] += 1;
    return `${this.#begin}${limit}${beforeAge[source]}${Math.floor(age_ms / 1000)}${behindAge}Catalog-Version: ${version}\r\n${beforeLength}${payload.length}\r\n${nosniff}`;
  }
}

const beforeAge = {
  near: beforeAgeOf('near'),
  redis: beforeAgeOf('redis'),
  stored: beforeAgeOf('stored'),
  bypass: beforeAgeOf('bypass'),
  stale: beforeAgeOf('stale'),
} as const satisfies Record<Source, string>;
const behindAge = '\r\nCache-Control: no-cache\r\n';
const beforeLength = 'Content-Type: application/json\r\nContent-Length: ';
const nosniff = 'X-Content-Type-Options: nosniff\r\n';

function beforeAgeOf(source: Source): string {
  return `\r\nCache-Status: ${cacheStatus[source]}\r\nAge: `;
}
