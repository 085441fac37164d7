import {
  auditResultSchema,
  cacheKeySchema,
  CatalogError,
  OPERATE_SCOPE,
  wrongEntriesSchema,
} from '@catalog/contracts';
import { route, type Route } from '@catalog/service-kit';
import { z } from 'zod';
import { unavailableWithoutCache } from '../http/unavailable-without-cache.ts';
import type { Auditor } from './auditor.ts';

interface AuditRouteOptions {
  readonly auditor: Pick<Auditor, 'pass' | 'auditKey' | 'found' | 'sinceStart'>;
  /** Aborts when the service begins to stop. */
  readonly stopping: AbortSignal;
}

const query = z.strictObject({ key: cacheKeySchema.optional() });

export function auditRoutes({ auditor, stopping }: AuditRouteOptions): Route[] {
  let running = false;
  // A pass over a large cache takes minutes, longer than a service may take to stop.
  const cutOff = new AbortController();
  stopping.addEventListener('abort', () =>
    cutOff.abort(new CatalogError('unavailable', 'The service is stopping.')),
  );

  return [
    route({
      method: 'post',
      path: '/v1/audits',
      summary: 'Compare every cached entry, or one, with Postgres, and repair what differs',
      description:
        'Answers when the pass is done. The pass ends early when the caller disconnects. With `key` it looks at this entry only.',
      scope: OPERATE_SCOPE,
      query,
      answers: { 200: { description: 'What the pass found.', schema: auditResultSchema } },
      errors: ['conflict'],
      async handle({ query: { key } }, res) {
        const isPass = key === undefined;
        if (isPass && running) throw new CatalogError('conflict', 'Another audit is running.');
        if (isPass) running = true;
        const gone = new AbortController();
        res.on('close', () => gone.abort());
        const signal = AbortSignal.any([gone.signal, cutOff.signal]);
        try {
          const result = await unavailableWithoutCache(() =>
            isPass ? auditor.pass(signal) : auditor.auditKey(key, signal),
          );
          res.set('Cache-Control', 'no-store').json(result);
        } catch (error) {
          if (!gone.signal.aborted) throw error;
        } finally {
          if (isPass) running = false;
        }
      },
    }),

    route({
      method: 'get',
      path: '/v1/audits',
      summary: 'Which entries were wrong, in what, and since when',
      description:
        'What the auditor of this worker has found by itself and in passes since it was started. Other workers have lists of their own.',
      scope: OPERATE_SCOPE,
      query,
      answers: { 200: { description: 'The wrong entries.', schema: wrongEntriesSchema } },
      handle({ query: { key } }, res) {
        const data = auditor.found.filter((entry) => key === undefined || entry.key === key);
        res.set('Cache-Control', 'no-store').json({ startedAt: auditor.sinceStart.result().startedAt, data });
      },
    }),
  ];
}
