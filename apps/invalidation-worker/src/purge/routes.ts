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
    const { reason, by, ...what } = request;
    const who = { subject: req.caller?.subject, ...(by !== undefined && { by }), reason, ...what };
    // Before and after: a purge that fails half-way has purged something.
    log.warn(who, 'a purge begins');
    const result = await whileCacheIsThere(() => purger.purge(request));
    log.warn({ ...who, ...result }, 'purged');
    res.set('Cache-Control', 'no-store').json(result);
  });
}
