import { randomUUID } from 'node:crypto';
import { CatalogError, importModes, importResultSchema } from '@catalog/contracts';
import { withConnection } from '@catalog/database';
import { headerOf, requestTimeout, route, type Route } from '@catalog/service-kit';
import { z } from 'zod';
import { readImport } from './progress/import-table.ts';
import { importLimits } from './limits.ts';
import { runImport, type ImportDependencies } from './run-import.ts';
import { discardRest, uploadedBytes } from './receive/upload.ts';

const scope = 'catalog:write';
const uuid = z.uuid({ error: 'must be a UUID' }).toLowerCase();

export function importRoutes(deps: ImportDependencies): Route[] {
  let running = 0;
  return [
    route({
      method: 'post',
      path: '/v1/imports',
      summary: 'Create and update products in bulk, matched by SKU',
      description:
        'Each record is a whole product: an absent field takes its default. Nothing changes before the whole file has been read. With reject-all one bad record rejects the import (state "rejected"); with skip-failed the good records are applied. With dryRun=true nothing changes, and the result is kept for an hour.',
      scope,
      query: z.strictObject({
        mode: z.enum(importModes).default('reject-all'),
        dryRun: z.enum(['true', 'false']).default('false'),
      }),
      headers: {
        importId: headerOf(
          'Import-Id',
          'The id of the import, to follow it while it runs. The service chooses one unless it is given.',
          uuid.optional(),
        ),
      },
      body: {
        streamed: true,
        types: ['text/csv', 'application/x-ndjson'],
        description: 'CSV with a header of field names, or one JSON object a line. UTF-8.',
      },
      answers: {
        200: {
          description: 'The result, with errors by line.',
          schema: importResultSchema,
          headers: {
            'Catalog-Version':
              'The lowest version that was written: every changed product has at least this one. 0 when none changed.',
            Location: 'Its progress and result.',
          },
        },
      },
      errors: ['conflict', 'busy'],
      async handle({ mediaType, query: { mode, dryRun }, headers: { importId }, caller }, res, req) {
        if (running >= importLimits.simultaneous) {
          throw new CatalogError('unavailable', `${running} imports are already running.`, {
            retryAfterSeconds: 10,
          });
        }
        running++;
        const gone = new AbortController();
        res.once('close', () => gone.abort());
        try {
          const { result, lowestVersion } = await runImport(deps, {
            id: importId ?? randomUUID(),
            subject: caller.subject,
            mode,
            dryRun: dryRun === 'true',
            format: mediaType === 'text/csv' ? 'csv' : 'ndjson',
            body: uploadedBytes(req),
            signal: gone.signal,
          });
          res
            .set('Catalog-Version', String(lowestVersion))
            .set('Location', `/v1/imports/${result.id}`)
            .json(result);
        } catch (error) {
          await discardRest(req);
          if (!req.complete) res.set('Connection', 'close');
          throw error;
        } finally {
          running--;
        }
      },
    }),

    route({
      method: 'get',
      path: '/v1/imports/{id}',
      summary: 'Progress or result of an import',
      description:
        'To follow an import while it runs, choose its id and send it as Import-Id. The answer is 503 while the state Redis, which keeps the results of dry runs, is away.',
      scope,
      params: z.strictObject({ id: uuid }),
      headers: { until_ms: requestTimeout },
      answers: { 200: { description: 'The import.', schema: importResultSchema } },
      errors: ['not_found'],
      async handle({ params: { id }, headers: { until_ms } }, res) {
        const kept = await withConnection(deps.pool, (client) => readImport(client, id), { until_ms });
        const found = kept ?? (await deps.dryRuns.read(id));
        if (found === undefined) throw new CatalogError('not_found', 'There is no import with this id.');
        res.set('Cache-Control', 'no-store').json(found);
      },
    }),
  ];
}
