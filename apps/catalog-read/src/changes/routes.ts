import { changesStarts, followedChangesPageSchema, maxFollowedChanges, pageLimit } from '@catalog/contracts';
import { type ChangesStart, type Pool, readCursor, writeCursor } from '@catalog/database';
import { callerKey, EventStreams, type HeaderField, type Route, route } from '@catalog/service-kit';
import { z } from 'zod';
import type { LoadBudget } from '../http/load-budget.ts';
import { readFollowedPage } from './followed-page.ts';
import { FollowerStream } from './follower-stream.ts';
import type { NewestChange } from './newest-change.ts';

export interface ChangesRouteDeps {
  /** Of its own, so that followers take no connection from readers. */
  readonly changesPool: Pool;
  readonly newestChange: NewestChange;
  readonly budget: LoadBudget;
  /** Aborts when the service begins to stop. */
  readonly stopping: AbortSignal;
  /** Streams of one caller that this process serves. */
  readonly streamsPerCaller: number;
}

/** Streams that one process serves: each may read a page at any time. */
const mostStreams = 200;

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
  budget,
  stopping,
  streamsPerCaller,
}: ChangesRouteDeps): Route {
  const streams = new EventStreams({ stopping, most: mostStreams, mostPerCaller: streamsPerCaller });
  return route({
    method: 'get',
    path: '/v1/changes',
    summary: 'Every committed change of a product, once',
    description:
      'For services that follow the catalog. A page has fewer changes than `limit` if it would be larger than a megabyte. Versions of one product grow from change to change. A transaction that commits late delays no other and is never behind a cursor that was given before. Store `nextCursor` together with what you made of the changes. Changes are kept for 7 days, unless the operator sets another time. `410 changes_gone`: read all products with `after=snapshot` and follow from there. As a stream: events `change` with the change as data and its cursor as id, and `position` with a cursor alone, when you have seen all changes up to now. A stream ends with the token of its caller.',
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
      const caller = callerKey(req);
      const read = (start: ChangesStart) =>
        budget.changes(caller, () =>
          readFollowedPage(changesPool, start, limit, { withProducts: include === 'product' }),
        );
      if (!headers.isStream) {
        const { changes, next, hasMore } = await read(startOf(after));
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
      streams.refuseWhileStopping();
      const first = await read(start);
      const stream = streams.open(req, res);
      await new FollowerStream({ stream, newestChange, read }).run(first);
    },
  });
}

function startOf(after: string | undefined): ChangesStart {
  if (after === undefined) return 'oldest';
  const start = changesStarts.find((name) => name === after);
  return start ?? readCursor(after, { parameter: 'after' });
}
