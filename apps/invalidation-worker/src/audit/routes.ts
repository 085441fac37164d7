import type { EventEmitter } from 'node:events';
import { CatalogError } from '@catalog/contracts';
import { parse } from '@catalog/service-kit';
import type { Express, RequestHandler } from 'express';
import { z } from 'zod';
import { whileCacheIsThere } from '../http/cache-away.ts';
import type { Auditor } from './auditor.ts';

const auditQuery = z.strictObject({});

interface AuditRoutesOptions {
  readonly auditor: Pick<Auditor, 'pass'>;
  readonly mayOperate: RequestHandler;
}

export function auditRoutes(app: Express, { auditor, mayOperate }: AuditRoutesOptions): void {
  let running = false;
  // A pass over a large cache may take minutes; nobody waits for it to stop.
  const stopping = new AbortController();
  (app as EventEmitter).on('drain', () =>
    stopping.abort(new CatalogError('unavailable', 'The service is stopping.')),
  );
  app.post('/v1/audits', mayOperate, async (req, res) => {
    parse(auditQuery, req.query, 'query');
    if (running) throw new CatalogError('conflict', 'Another audit is running.');
    running = true;
    // Nobody waits for the result any more.
    const gone = new AbortController();
    res.on('close', () => gone.abort());
    try {
      const result = await whileCacheIsThere(() =>
        auditor.pass(AbortSignal.any([gone.signal, stopping.signal])),
      );
      res.set('Cache-Control', 'no-store').json(result);
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    } finally {
      running = false;
    }
  });
}
