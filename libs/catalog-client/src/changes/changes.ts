import { followedChangeSchema, type FollowedChange } from '@catalog/contracts';
import { backoff, pause } from '@catalog/runtime';
import { z } from 'zod';
import { bodyOf, parsedBy } from '../answers.ts';
import type { ClientContext } from '../entity-reader.ts';
import { CatalogProblem, CatalogUnavailable } from '../errors.ts';
import { lenientProductSchema } from '../products/product-reader.ts';
import { readEvents } from './read-events.ts';

export interface ChangesOptions {
  /**
   * The cursor behind which to begin. `latest`: behind all changes so far. `snapshot`: all products, as changes of the kind
   * `existing`, and then the changes since. Without it: the oldest change that the catalog keeps.
   */
  readonly after?: string;
  readonly entity?: 'product';
  /** `product`: each change has the product as it is now, or null if it does not exist any more. */
  readonly include?: 'product';
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

/** Changes that arrived together. */
export interface ChangeBatch {
  /** Empty when the follower only hears that it has seen all. */
  readonly changes: readonly FollowedChange[];
  /** Behind them. Store it in the same transaction as what you make of them. */
  readonly cursor: string;
  /** Whether there were no more changes when the catalog answered. */
  readonly isCaughtUp: boolean;
}

const lenientChangeSchema: z.ZodType<FollowedChange> = z.object({
  ...followedChangeSchema.shape,
  changedFields: z.array(z.string()),
  product: lenientProductSchema.nullable().optional(),
});
const pageSchema = z.object({
  data: z.array(lenientChangeSchema),
  page: z.object({ nextCursor: z.string(), hasMore: z.boolean() }),
});

const path = '/v1/changes';
const scope = 'catalog:changes';
/** Between two pages, where there is no stream. */
const poll_ms = 1_000;
/** How long pages take the place of a stream that fails, for instance behind a proxy that holds it back. */
const withoutStream_ms = 60_000;
const mostPause_ms = backoff({ first_ms: 200, most_ms: 10_000 });

/**
 * Follows the changes of the catalog, and never ends by itself: it resumes after each temporary failure. It reads a stream, or
 * pages while the stream fails.
 */
export class Changes {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** @throws ChangesGone, CatalogProblem for a refusal that stays, ServiceKeyError */
  async *follow(options: ChangesOptions = {}): AsyncGenerator<FollowedChange> {
    for await (const { changes } of this.batches(options)) yield* changes;
  }

  /** The same in batches, for a follower that stores many changes in one transaction. */
  async *batches({ signal, ...options }: ChangesOptions = {}): AsyncGenerator<ChangeBatch> {
    const never = new AbortController().signal;
    const until = signal ?? never;
    let after = options.after;
    let failures = 0;
    let streamFrom_ms = Number.NEGATIVE_INFINITY;
    while (!until.aborted) {
      const isStream = this.#context.now() >= streamFrom_ms;
      const query = queryOf({ ...options, ...(after !== undefined && { after }) });
      try {
        for await (const batch of isStream ? this.#stream(query, until) : this.#page(query, until)) {
          failures = 0;
          after = batch.cursor;
          yield batch;
          if (until.aborted) return;
          if (!isStream && batch.isCaughtUp) await pause(poll_ms, until);
        }
        // A stream ends with its token, or with its process. The next one begins at once.
      } catch (error) {
        if (until.aborted) return;
        if (!isTemporary(error)) throw error;
        failures += 1;
        if (isStream && error.reason !== 'overloaded') streamFrom_ms = this.#context.now() + withoutStream_ms;
        // With full jitter, so that followers that failed together do not come back together.
        await pause((error.retryAfter_ms ?? 0) + Math.random() * mostPause_ms(failures), until);
      }
    }
  }

  async *#page(query: string, signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    const answer = await this.#context.transport.send(
      { service: 'catalog-read', method: 'GET', path: `${path}?${query}`, idempotent: true, scope },
      this.#context.deadline({ signal }),
    );
    const { data, page } = bodyOf(pageSchema, answer);
    yield { changes: data, cursor: page.nextCursor, isCaughtUp: !page.hasMore };
  }

  async *#stream(query: string, signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    const response = await this.#context.transport.open(
      { service: 'catalog-read', path: `${path}?${query}`, scope },
      signal,
    );
    for await (const events of readEvents(response, signal)) {
      const changes = events
        .filter(({ event }) => event === 'change')
        .map(({ data }) => parsedBy(lenientChangeSchema, data, response));
      const cursor = events.at(-1)?.id;
      if (cursor !== undefined) yield { changes, cursor, isCaughtUp: events.at(-1)?.event === 'position' };
    }
  }
}

function queryOf({ after, entity = 'product', include }: ChangesOptions): string {
  const query = new URLSearchParams({ entity, limit: '500' });
  if (after !== undefined) query.set('after', after);
  if (include !== undefined) query.set('include', include);
  return query.toString();
}

/** Anything but a refusal that the same request would get again. */
function isTemporary(
  error: unknown,
): error is CatalogUnavailable | (CatalogProblem & { reason?: undefined }) {
  if (error instanceof CatalogUnavailable) return true;
  return (
    error instanceof CatalogProblem && (error.status === 429 || error.status === 408 || error.status >= 500)
  );
}
