import {
  cacheKeySchema,
  CatalogError,
  changeTracesSchema,
  OPERATE_SCOPE,
  parseCacheKey,
  shownTrace,
} from '@catalog/contracts';
import type { ChangeTraces } from '@catalog/change-feed';
import { route, type Route } from '@catalog/service-kit';
import { z } from 'zod';
import type { ChangeBroadcast } from './change-broadcast.ts';
import { EventStream, mostStreams } from './event-stream.ts';

/** Changes of one key that a trace shows. */
const mostTraces = 100;

interface TraceRoutesOptions {
  readonly traces: Pick<ChangeTraces, 'ofKey'>;
  readonly broadcast: ChangeBroadcast;
  /** Aborts when the service begins to stop. */
  readonly stopping: AbortSignal;
}

export function traceRoutes({ traces, broadcast, stopping }: TraceRoutesOptions): Route[] {
  const streams = new Set<EventStream>();
  // A stream does not end by itself, and the server waits for answers that are under way.
  stopping.addEventListener('abort', () => {
    for (const stream of streams) stream.end();
  });

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
        const data = await traces.ofKey(parsed.entity.name, parsed.key, mostTraces);
        res.set('Cache-Control', 'no-store').json({ data: data.map(shownTrace) });
      },
    }),

    route({
      method: 'get',
      path: '/v1/changes/stream',
      summary: 'Changes as they are applied (server-sent events)',
      description:
        'Events: "applied" with a trace; "refreshed" with seq and refreshedAt; "more" and "missed" with the number of changes that are not shown, because they were too many at once or the reader was too slow. Nothing is sent again.',
      scope: OPERATE_SCOPE,
      query: z.strictObject({}),
      answers: { 200: { description: 'text/event-stream' } },
      handle(_input, res) {
        if (stopping.aborted) throw noStream('The service is stopping.');
        if (streams.size >= mostStreams)
          throw noStream(`${mostStreams} streams are already open, the most that one worker serves.`);
        const stream = new EventStream(res);
        streams.add(stream);
        const unlisten = broadcast.listen((events) => stream.send(events));
        res.on('close', () => {
          unlisten();
          streams.delete(stream);
          stream.end();
        });
      },
    }),
  ];
}

const noStream = (detail: string): CatalogError =>
  new CatalogError('unavailable', detail, { retryAfterSeconds: 5 });
