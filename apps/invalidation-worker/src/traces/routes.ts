import type { EventEmitter } from 'node:events';
import { cacheKeySchema, CatalogError, limits, parseCacheKey } from '@catalog/contracts';
import type { ChangeTraces } from '@catalog/change-feed';
import { parse } from '@catalog/service-kit';
import type { Express, RequestHandler } from 'express';
import { z } from 'zod';
import type { ChangeBroadcast } from './change-broadcast.ts';
import { EventStream } from './event-stream.ts';

export const tracesQuery = z.strictObject({ key: cacheKeySchema });
const streamQuery = z.strictObject({});

interface TraceRoutesOptions {
  readonly traces: Pick<ChangeTraces, 'ofKey'>;
  readonly broadcast: ChangeBroadcast;
  readonly mayOperate: RequestHandler;
}

export function traceRoutes(app: Express, { traces, broadcast, mayOperate }: TraceRoutesOptions): void {
  const streams = new Set<EventStream>();
  let draining = false;
  // A stream has no end of its own; without this, draining would wait for its reader to go.
  (app as EventEmitter).on('drain', () => {
    draining = true;
    for (const stream of streams) stream.end();
  });

  app.get('/v1/changes', mayOperate, async (req, res) => {
    const { key } = parse(tracesQuery, req.query, 'query');
    const parsed = parseCacheKey(key);
    if (parsed === undefined) throw new Error('a key that the schema let through is of no entity');
    const data = await traces.ofKey(parsed.entity.name, parsed.key, limits.tracedChanges);
    res.set('Cache-Control', 'no-store').json({ data });
  });

  app.get('/v1/changes/stream', mayOperate, (req, res) => {
    parse(streamQuery, req.query, 'query');
    if (draining || streams.size >= limits.changeStreams) {
      throw new CatalogError(
        'unavailable',
        draining ? 'The service is stopping.' : `There are ${limits.changeStreams} streams already.`,
        { retryAfterSeconds: 5 },
      );
    }
    const stream = new EventStream(res);
    streams.add(stream);
    const unlisten = broadcast.listen((events) => stream.send(events));
    res.on('close', () => {
      unlisten();
      streams.delete(stream);
      stream.end();
    });
  });
}
