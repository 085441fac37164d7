import type { Source } from '@catalog/cache';
import { answersFrom, cacheStatus } from '../http/answer.ts';
import type { PreparedProduct } from '../products/prepared-product.ts';

/** The headers of one product as text, for 200 and 304. */
export class ProductHeads {
  readonly #begin: string;

  /** @param policy the value of `RateLimit-Policy` */
  constructor(policy: string) {
    this.#begin = `RateLimit-Policy: ${policy}\r\nRateLimit: `;
  }

  /** @param limit the value of `RateLimit` */
  of(isKnown: boolean, limit: string, product: PreparedProduct, source: Source, age_ms: number): string {
    answersFrom[source] += 1;
    const { version, etag, length } = product;
    const body = isKnown ? '' : `Content-Type: application/json\r\nContent-Length: ${length}\r\n`;
    return (
      `${this.#begin}${limit}\r\nCache-Status: ${cacheStatus[source]}\r\nAge: ${Math.floor(age_ms / 1000)}\r\n` +
      `Cache-Control: no-cache\r\nCatalog-Version: ${version}\r\nETag: ${etag}\r\n${body}X-Content-Type-Options: nosniff\r\n`
    );
  }
}
