import type { z } from 'zod';
import { bodyOf, staleFor_ms, type ReadResult } from './answers.ts';
import { CatalogProblem, checkAddress, noRoute } from './errors.ts';
import type { LocalCache } from './local-cache.ts';
import type { OwnWrites } from './own-writes.ts';
import type { CallOptions, Deadline } from './transport/deadline.ts';
import type { Transport } from './transport/transport.ts';

/** What all parts of one client share. */
export interface ClientContext {
  readonly transport: Transport;
  readonly ownWrites: OwnWrites;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
  deadline(options: CallOptions): Deadline;
}

interface EntityReaderOptions<Body> extends Pick<ClientContext, 'transport' | 'ownWrites' | 'now'> {
  readonly schema: z.ZodType<Body>;
  readonly cache: LocalCache<Body>;
  /** The key of the body in the local cache. */
  readonly keyOf: (body: Body) => string;
}

/**
 * Reads one row at its own address. The result is never older than what this client wrote, and the service leaves out a
 * body that the local cache has.
 */
export class EntityReader<Body extends { readonly version: number }> {
  readonly #options: EntityReaderOptions<Body>;

  constructor(options: EntityReaderOptions<Body>) {
    this.#options = options;
  }

  /**
   * @param key undefined when it is only known after the read
   * @throws CatalogProblem, CatalogUnavailable
   */
  async read(
    key: string | undefined,
    path: string,
    deadline: Deadline,
    minVersion = key === undefined ? 0 : this.#options.ownWrites.versionOf(key),
  ): Promise<ReadResult<Body>> {
    const { schema, transport, cache, keyOf, ownWrites, now } = this.#options;
    const cached = key === undefined ? undefined : cache.get(key);
    const known = cached !== undefined && cached.version >= minVersion ? cached : undefined;
    const sentAt_ms = now();
    try {
      const answer = await transport.send(
        {
          service: 'catalog-read',
          method: 'GET',
          path,
          idempotent: true,
          headers: {
            ...(known !== undefined && { 'If-None-Match': known.etag }),
            ...(minVersion > 0 && { 'Min-Version': String(minVersion) }),
          },
        },
        deadline,
      );
      const stale_ms = staleFor_ms(answer);
      const checkedAt_ms = sentAt_ms - (stale_ms ?? 0);
      if (answer.status === 304 && known !== undefined) {
        if (stale_ms === undefined) cache.set(keyOf(known.body), { ...known, checkedAt_ms });
        return { body: known.body, version: known.version, staleFor_ms: stale_ms };
      }
      const body = bodyOf(schema, answer);
      const etag = answer.headers.get('ETag');
      if (etag !== null) cache.set(keyOf(body), { body, version: body.version, etag, checkedAt_ms });
      return { body, version: body.version, staleFor_ms: stale_ms };
    } catch (error) {
      if (!(error instanceof CatalogProblem)) throw error;
      if (error.code === 'not_found') {
        // Another service, or a proxy, may have the same code for its own 404.
        if (error.version === undefined)
          throw noRoute(
            `GET ${path}: the 404 has no Catalog-Version, so it is not from catalog-read. ${checkAddress}`,
            error.requestId,
          );
        if (key !== undefined) cache.delete(key);
        return { body: null, version: minVersion, staleFor_ms: undefined };
      }
      // The database lost this client's write, for example in a restore. Report that once. The next read accepts any version.
      if (error.code === 'version_not_reached' && key !== undefined) ownWrites.forget(key);
      throw error;
    }
  }
}
