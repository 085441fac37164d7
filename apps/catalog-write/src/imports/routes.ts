import { randomUUID } from 'node:crypto';
import {
  CatalogError,
  importModes,
  importResultSchema,
  onExistingRules,
  onMissingRules,
  rejectedImportSchema,
  type ImportResult,
} from '@catalog/contracts';
import { withConnection } from '@catalog/database';
import {
  callerKey,
  CallerPlaces,
  headerOf,
  requestIdOf,
  requestTimeout,
  route,
  toProblem,
  type Route,
} from '@catalog/service-kit';
import type { Response } from 'express';
import { z } from 'zod';
import { readImport } from './progress/import-table.ts';
import { importLimits } from './limits.ts';
import { readColumnNames } from './parse/column-names.ts';
import { contentDigest } from './receive/content-digest.ts';
import { runImport, type ImportDependencies } from './run-import.ts';
import { discardRest, uploadedBytes } from './receive/upload.ts';

const scope = 'catalog:write';
/** Neither all zeros nor all ones, which name nothing. */
const uuid = z
  .uuid({ error: 'must be a UUID' })
  .refine((id) => /^.{14}[1-8]/.test(id), { error: 'must be a UUID of version 1 to 8' })
  .toLowerCase();

export function importRoutes(deps: ImportDependencies): Route[] {
  const places = new CallerPlaces({
    what: 'imports',
    most: importLimits.simultaneous,
    mostPerCaller: importLimits.simultaneousPerCaller,
    retryAfter_s: 10,
  });
  return [
    route({
      method: 'post',
      path: '/v1/imports',
      summary: 'Create and update products in bulk, matched by SKU',
      description:
        'A column or member that is absent leaves the field as it is; an empty cell empties it. Only new products need the required fields. Nothing changes before the whole file has been read. With reject-all one bad record rejects the import (422); with skip-failed the good records are applied. onExisting and onMissing say what happens to SKUs that have a product, and to those without. With dryRun=true nothing changes; the answer counts the changes of each field and lists the first ones, and is kept for an hour.',
      scope,
      query: z.strictObject({
        mode: z.enum(importModes).default('reject-all'),
        dryRun: z.enum(['true', 'false']).default('false'),
        onExisting: z.enum(onExistingRules).default('update'),
        onMissing: z.enum(onMissingRules).default('create'),
        columns: z
          .string()
          .max(2_000)
          .describe(
            'For CSV: names of columns and the fields that they hold, such as "Weight (g):weightGrams,Title:name". A column without a field, such as "Supplier:", is left out.',
          )
          .optional(),
      }),
      headers: {
        importId: headerOf(
          'Import-Id',
          'The id of the import, to follow it while it runs. The service chooses one unless it is given.',
          uuid.optional(),
        ),
        digests: contentDigest,
      },
      body: {
        streamed: true,
        types: ['text/csv', 'application/x-ndjson'],
        description: 'CSV with a header of field names, or one JSON object a line. UTF-8.',
        examples: {
          'text/csv':
            'sku,name,brand,category,priceMinor,currency\nBULB-1,"Bulb, warm white",Acme,Lighting,499,EUR\n',
          'application/x-ndjson':
            '{"sku":"BULB-1","name":"Bulb","brand":"Acme","category":"Lighting","priceMinor":499,"currency":"EUR"}\n',
        },
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
        422: {
          description: 'The import was rejected: the result, as a problem document.',
          type: 'application/problem+json',
          schema: rejectedImportSchema,
          headers: { Location: 'Its result.' },
        },
      },
      errors: ['conflict', 'body_too_large', 'busy', 'rate_limited'],
      async handle({ mediaType, query, headers: { importId, digests }, caller }, res, req) {
        const { mode, dryRun, onExisting, onMissing, columns } = query;
        const format = mediaType === 'text/csv' ? 'csv' : 'ndjson';
        if (columns !== undefined && format === 'ndjson') {
          const message = 'is for CSV files; name the members of NDJSON as the fields';
          throw new CatalogError('invalid_request', `columns ${message}.`, {
            errors: [{ parameter: 'columns', code: 'not_for_ndjson', message }],
          });
        }
        const columnNames = columns === undefined ? undefined : readColumnNames(columns);
        const ownKey = callerKey(req);
        using _place = places.take(ownKey);
        const gone = new AbortController();
        res.once('close', () => gone.abort());
        try {
          const { result, lowestVersion } = await runImport(deps, {
            id: importId ?? randomUUID(),
            subject: caller.subject,
            callerKey: ownKey,
            mode,
            onExisting,
            onMissing,
            dryRun: dryRun === 'true',
            format,
            columnNames,
            digests,
            body: uploadedBytes(req),
            signal: gone.signal,
          });
          res.set('Location', `/v1/imports/${result.id}`);
          if (result.state === 'rejected') sendRejected(res, result);
          else res.set('Catalog-Version', String(lowestVersion)).json(result);
        } catch (error) {
          await discardRest(req);
          if (!req.complete) res.set('Connection', 'close');
          throw error;
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

/** A problem document for clients that know only those, and the whole result for the others. */
function sendRejected(res: Response, result: ImportResult): void {
  const detail = `Nothing has changed: ${result.failed} of ${result.received} records cannot be imported.`;
  const problem = toProblem(new CatalogError('import_rejected', detail), requestIdOf(res.req));
  res
    .status(problem.status)
    .type('application/problem+json')
    .send(JSON.stringify({ ...problem, ...result }));
}
