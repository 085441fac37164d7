import { purgeRequestSchema } from '@catalog/contracts';
import { jsonBody, type Logger, parse } from '@catalog/service-kit';
import type { Express, RequestHandler } from 'express';
import { whileCacheIsThere } from '../http/cache-away.ts';
import type { Purger } from './purger.ts';

interface PurgeRoutesOptions {
  readonly purger: Pick<Purger, 'purge'>;
  readonly mayOperate: RequestHandler;
  readonly log: Logger;
}

export function purgeRoutes(app: Express, { purger, mayOperate, log }: PurgeRoutesOptions): void {
  app.post('/v1/purges', mayOperate, jsonBody(), async (req, res) => {
    const request = parse(purgeRequestSchema, req.body, 'body');
    const record = { who: req.caller?.subject, purge: request };
    // Before and after: a purge that fails half-way has purged something.
    log.warn(record, 'a purge begins');
    const result = await whileCacheIsThere(() => purger.purge(request));
    log.warn({ ...record, ...result }, 'purged');
    res.set('Cache-Control', 'no-store').json(result);
  });
}
