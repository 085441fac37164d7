import {
  changesStarts,
  type FollowedChange,
  followedChangesPageSchema,
  maxFollowedChanges,
  pageLimit,
} from '@catalog/contracts';
import {
  type ChangeCursor,
  type ChangesPage,
  type ChangesStart,
  loadProducts,
  type Pool,
  readChanges,
  readCursor,
  writeCursor,
} from '@catalog/database';
import {
  callerKey,
  CallerPlaces,
  EventStreams,
  type HeaderField,
  type Route,
  route,
} from '@catalog/service-kit';
import type { Request } from 'express';
import { z } from 'zod';
import { FollowerStream } from './follower-stream.ts';
import type { NewestChange } from './newest-change.ts';

export interface ChangesRouteDeps {
  /** Of its own, so that followers take no connection from readers. */
  readonly changesPool: Pool;
  readonly newestChange: NewestChange;
  /** Aborts when the service begins to stop. */
  readonly stopping: AbortSignal;
  /** Streams of one caller that this process serves. */
  readonly streamsPerCaller: number;
}

/** Streams that one process serves: each may read a page at any time. */
const mostStreams = 200;
/**
 * Pages that are read for one caller at once. Three connections read them in turn, so another caller waits for a few of them at
 * most. As many as its streams, which may all begin at one time.
 */
const pagesOfCaller = 10;

const query = z.strictObject({
  after: z
    .string()
    .min(1)
    .max(8_000)
    .optional()
    .describe(
      'A cursor, or `latest`, or `snapshot`: all products, and then the changes since. Without it: the oldest change that is kept.',
    ),
  entity: z.enum(['product'], { error: 'must be "product"' }).default('product'),
  limit: pageLimit({ most: maxFollowedChanges, usual: 100 }),
  include: z.enum(['product'], { error: 'must be "product"' }).optional(),
});

/** An `EventSource` that reconnects sends the id of the last event. It is newer than `after` in its address. */
const lastEventId: HeaderField<string | undefined> = {
  name: 'Last-Event-ID',
  description: 'Of a stream: the id of the last event. It takes the place of `after`.',
  schema: z.string().optional(),
  read: (req) => {
    const id = req.headers['last-event-id'];
    return typeof id === 'string' && id !== '' ? id : undefined;
  },
};

const accept: HeaderField<boolean> = {
  name: 'Accept',
  description: '`text/event-stream` for a stream that goes on.',
  schema: z.string().optional(),
  read: (req) => /(?:^|[\s,])text\/event-stream(?:$|[\s,;])/.test(req.headers.accept ?? ''),
};

export function changesRoute({
  changesPool,
  newestChange,
  stopping,
  streamsPerCaller,
}: ChangesRouteDeps): Route {
  const streams = new EventStreams({ stopping, most: mostStreams, mostPerCaller: streamsPerCaller });
  const pages = new CallerPlaces({ what: 'pages of changes', mostPerCaller: pagesOfCaller, retryAfter_s: 1 });

  const read = async (start: ChangesStart, limit: number, withProducts: boolean) => {
    const page = await readChanges(changesPool, start, limit);
    return { ...page, changes: await shown(changesPool, page, withProducts) };
  };

  const readFor = async (req: Request, ...page: Parameters<typeof read>) => {
    using _place = pages.take(callerKey(req));
    return await read(...page);
  };

  return route({
    method: 'get',
    path: '/v1/changes',
    summary: 'Every committed change of a product, once',
    description:
      'For services that follow the catalog. Versions of one product grow from change to change. A transaction that commits late delays no other and is never behind a cursor that was given before. Store `nextCursor` together with what you made of the changes. Changes are kept for 7 days, unless the operator sets another time. `410 changes_gone`: read all products with `after=snapshot` and follow from there. As a stream: events `change` with the change as data and its cursor as id, and `position` with a cursor alone, when you have seen all changes up to now. A stream ends with the token of its caller.',
    scope: 'catalog:changes',
    query,
    headers: { lastEventId, isStream: accept },
    answers: {
      200: {
        description: 'The changes behind the cursor, the oldest first.',
        schema: followedChangesPageSchema,
        otherTypes: { 'text/event-stream': 'Events `change` and `position`.' },
      },
    },
    errors: ['changes_gone', 'rate_limited'],
    async handle({ query: { after, limit, include }, headers }, res, req) {
      const withProducts = include === 'product';
      if (!headers.isStream) {
        const { changes, next, hasMore } = await readFor(req, startOf(after), limit, withProducts);
        res
          .set('Cache-Control', 'no-store')
          .json({ data: changes, page: { nextCursor: writeCursor(next), hasMore } });
        return;
      }
      const start =
        headers.lastEventId === undefined
          ? startOf(after)
          : readCursor(headers.lastEventId, { header: 'Last-Event-ID' });
      // The first page is read before the answer begins, so that a refusal is an answer of its own.
      const first = await readFor(req, start, limit, withProducts);
      const stream = streams.open(req, res);
      await new FollowerStream({
        stream,
        newestChange,
        read: (from: ChangeCursor) => read(from, limit, withProducts),
      }).run(first);
    },
  });
}

function startOf(after: string | undefined): ChangesStart {
  if (after === undefined) return 'oldest';
  const start = changesStarts.find((name) => name === after);
  return start ?? readCursor(after, { parameter: 'after' });
}

async function shown(pool: Pool, { changes }: ChangesPage, withProducts: boolean): Promise<FollowedChange[]> {
  const products = withProducts
    ? await loadProducts(
        pool,
        changes.map(({ key }) => key),
      )
    : undefined;
  return changes.map((change) => ({
    ...change,
    entity: 'product' as const,
    changedFields: [...change.changedFields],
    ...(products !== undefined && { product: products.get(change.key)?.body ?? null }),
  }));
}
