import type { Source } from '@catalog/cache';
import { answersFrom, cacheStatus } from '../http/answer.ts';
import type { PreparedProduct } from '../products/prepared-product.ts';

/** The headers of one product, for 200 and 304. `writeHead` copies them, so all answers can reuse the same two arrays. */
export class ProductHeads {
  readonly #found: string[];
  readonly #known: string[];

  constructor(policy: string) {
    const begin = [
      ['RateLimit-Policy', policy],
      ['RateLimit', ''],
      ['Cache-Status', ''],
      ['Age', ''],
      ['Cache-Control', 'no-cache'],
      ['Catalog-Version', ''],
      ['ETag', ''],
    ].flat();
    const end = ['X-Content-Type-Options', 'nosniff'];
    this.#found = [...begin, 'Content-Type', 'application/json', 'Content-Length', '', ...end];
    this.#known = [...begin, ...end];
  }

  fill(isKnown: boolean, limit: string, product: PreparedProduct, source: Source, age_ms: number): string[] {
    answersFrom[source] += 1;
    const head = isKnown ? this.#known : this.#found;
    head[3] = limit;
    head[5] = cacheStatus[source];
    head[7] = String(Math.floor(age_ms / 1000));
    head[11] = product.version;
    head[13] = product.etag;
    if (!isKnown) head[17] = product.length;
    return head;
  }
}
