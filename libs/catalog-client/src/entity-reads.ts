import type { z } from 'zod';
import { CatalogProblem } from './errors.ts';
import type { LocalCache } from './local-cache.ts';
import { bodyOf, staleFor_ms, type Reading } from './reading.ts';
import type { Deadline } from './transport/deadline.ts';
import type { Transport } from './transport/transport.ts';
import type { WrittenVersions } from './written-versions.ts';

interface Versioned {
  readonly version: number;
}

export interface EntityReadsOptions<Body> {
  readonly schema: z.ZodType<Body>;
  readonly transport: Transport;
  readonly cache: LocalCache<Body>;
  /** Under which the local cache keeps it. */
  readonly keyOf: (body: Body) => string;
  readonly written: WrittenVersions;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
}

/** Reads of one thing at its own address: never older than what this client wrote, and without a body if known. */
export class EntityReads<Body extends Versioned> {
  readonly #options: EntityReadsOptions<Body>;

  constructor(options: EntityReadsOptions<Body>) {
    this.#options = options;
  }

  /**
   * @param key its key, where that is known before it is read
   * @throws CatalogProblem, CatalogUnavailable
   */
  async read(
    key: string | undefined,
    path: string,
    deadline: Deadline,
    minVersion = key === undefined ? 0 : this.#options.written.of(key),
  ): Promise<Reading<Body>> {
    const { schema, transport, cache, keyOf, written, now } = this.#options;
    const kept = key === undefined ? undefined : cache.get(key);
    const known = kept !== undefined && kept.version >= minVersion ? kept : undefined;
    const askedAt_ms = now();
    try {
      const answer = await transport.send(
        {
          service: 'catalog-read',
          method: 'GET',
          path,
          repeatable: true,
          headers: {
            ...(known !== undefined && { 'If-None-Match': known.etag }),
            ...(minVersion > 0 && { 'Min-Version': String(minVersion) }),
          },
        },
        deadline,
      );
      const stale_ms = staleFor_ms(answer);
      const checkedAt_ms = askedAt_ms - (stale_ms ?? 0);
      if (answer.status === 304 && known !== undefined) {
        if (stale_ms === undefined) cache.keep(keyOf(known.body), { ...known, checkedAt_ms });
        return { body: known.body, version: known.version, staleFor_ms: stale_ms };
      }
      const body = bodyOf(schema, answer);
      const etag = answer.headers.get('ETag');
      if (etag !== null) cache.keep(keyOf(body), { body, version: body.version, etag, checkedAt_ms });
      return { body, version: body.version, staleFor_ms: stale_ms };
    } catch (error) {
      if (!(error instanceof CatalogProblem)) throw error;
      if (error.code === 'not_found') {
        if (key !== undefined) cache.forget(key);
        return { body: null, version: minVersion, staleFor_ms: undefined };
      }
      // The database has lost what was written, as after a restore: said once, then read as it is.
      if (error.code === 'version_not_reached' && key !== undefined) written.forget(key);
      throw error;
    }
  }
}
