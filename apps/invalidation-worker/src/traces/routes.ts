import {
  cacheKeySchema,
  CatalogError,
  changeTracesSchema,
  OPERATE_SCOPE,
  parseCacheKey,
  shownTrace,
  transactionChangesSchema,
} from '@catalog/contracts';
import type { ChangeTraces } from '@catalog/change-feed';
import { EventStreams, route, type Route } from '@catalog/service-kit';
import { bulkhead, BulkheadRejectedError } from 'cockatiel';
import { z } from 'zod';
import type { ChangeBroadcast } from './change-broadcast.ts';
import { LiveChanges, streamLimits } from './event-stream.ts';

/** Changes of one key that a trace shows. */
const mostTraces = 100;
/** Changes of all keys that a list begins with. */
const mostLatest = 50;
/** Callers that wait for a look. More of them would wait for longer than a page does. */
const mostWaiting = 20;

/** At most 15 digits: then it has an exact number. */
const transactionSchema = z
  .string()
  .regex(/^[1-9]\d{0,14}$/, { error: 'must be the number of a transaction' })
  .transform(Number);

interface TraceRoutesOptions {
  readonly traces: Pick<ChangeTraces, 'ofKey' | 'latest' | 'ofTransaction'>;
  readonly broadcast: ChangeBroadcast;
  /** Aborts when the service begins to stop. */
  readonly stopping: AbortSignal;
}

export function traceRoutes({ traces, broadcast, stopping }: TraceRoutesOptions): Route[] {
  const streams = new EventStreams({ stopping, ...streamLimits });
  // Each look scans the whole outbox, on the pool of claims and acknowledgements.
  const looks = bulkhead(1, mostWaiting);
  const look = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await looks.execute(work);
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError)) throw error;
      throw new CatalogError('unavailable', 'Too many callers look at changes at this moment.', {
        retryAfterSeconds: 1,
      });
    }
  };

  return [
    route({
      method: 'get',
      path: '/v1/changes',
      summary: 'The recent changes of one key, each step with its time',
      description: 'Kept for the replay window, 5 minutes; the newest first, at most 100.',
      scope: OPERATE_SCOPE,
      query: z.strictObject({ key: cacheKeySchema }),
      answers: { 200: { description: 'The traces.', schema: changeTracesSchema } },
      async handle({ query: { key } }, res) {
        const parsed = parseCacheKey(key);
        if (parsed === undefined) throw new Error(`the schema accepted a key of no entity: ${key}`);
        const { entity, key: own } = parsed;
        const data = await look(() => traces.ofKey(entity.name, own, mostTraces));
        res.set('Cache-Control', 'no-store').json({ data: data.map(shownTrace) });
      },
    }),

    route({
      method: 'get',
      path: '/v1/changes/latest',
      summary: 'The changes of all keys that were applied last',
      description: `What a list of live changes begins with: at most ${mostLatest} of the replay window, 5 minutes. The stream brings those that follow. A change has the same \`seq\` in both.`,
      scope: OPERATE_SCOPE,
      query: z.strictObject({}),
      answers: { 200: { description: 'The traces.', schema: changeTracesSchema } },
      async handle(_input, res) {
        const data = await look(() => traces.latest(mostLatest));
        res.set('Cache-Control', 'no-store').json({ data: data.map(shownTrace) });
      },
    }),

    route({
      method: 'get',
      path: '/v1/transactions/{transaction}/changes',
      summary:
        'How many changes of one transaction still wait, and how many invalidations the applied ones needed',
      description: 'The result of an import names its transaction.',
      scope: OPERATE_SCOPE,
      params: z.strictObject({ transaction: transactionSchema }),
      answers: { 200: { description: 'The counts.', schema: transactionChangesSchema } },
      async handle({ params: { transaction } }, res) {
        res.set('Cache-Control', 'no-store').json(await look(() => traces.ofTransaction(transaction)));
      },
    }),

    route({
      method: 'get',
      path: '/v1/changes/stream',
      summary: 'Changes as they are applied (server-sent events)',
      description:
        'Events: "applied" with a trace; "refreshed" with seq and refreshedAt; "more" and "missed" with the number of changes that are not shown, because they were too many at once or the reader was too slow. Nothing is sent again. A stream ends with the token of its caller.',
      scope: OPERATE_SCOPE,
      query: z.strictObject({}),
      answers: { 200: { description: 'text/event-stream' } },
      errors: ['rate_limited'],
      handle(_input, res, req) {
        const stream = streams.open(req, res);
        const live = new LiveChanges(stream);
        const unlisten = broadcast.listen((events) => live.send(events));
        stream.ended.addEventListener('abort', unlisten);
      },
    }),
  ];
}
