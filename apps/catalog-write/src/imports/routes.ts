import { randomUUID } from 'node:crypto';
import { CatalogError, importModes } from '@catalog/contracts';
import { withConnection } from '@catalog/database';
import { parse, requireContentType, waitsUntil } from '@catalog/service-kit';
import type { Express, RequestHandler } from 'express';
import { z } from 'zod';
import { readImport } from './progress/import-table.ts';
import { importLimits } from './limits.ts';
import { runImport, type ImportDependencies } from './run-import.ts';
import { discardRest, uploadedBytes } from './receive/upload.ts';

const uuid = z.uuid({ error: 'must be a UUID' }).toLowerCase();
export const importQuery = z.strictObject({
  mode: z.enum(importModes).default('reject-all'),
  dryRun: z.enum(['true', 'false']).default('false'),
});
export const importParams = z.strictObject({ id: uuid });
export const importHeaders = z.strictObject({ 'Import-Id': uuid.optional() });
export const importTypes = ['text/csv', 'application/x-ndjson'];

export function importRoutes(app: Express, deps: ImportDependencies & { mayWrite: RequestHandler }): void {
  let running = 0;

  app.post('/v1/imports', deps.mayWrite, async (req, res) => {
    const type = requireContentType(req, importTypes);
    const { mode, dryRun } = parse(importQuery, req.query, 'query');
    const header = parse(importHeaders, { 'Import-Id': req.get('Import-Id') }, 'header');
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
        id: header['Import-Id'] ?? randomUUID(),
        subject: req.caller?.subject ?? '',
        mode,
        dryRun: dryRun === 'true',
        format: type === 'text/csv' ? 'csv' : 'ndjson',
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
  });

  app.get('/v1/imports/:id', deps.mayWrite, async (req, res) => {
    const { id } = parse(importParams, req.params, 'params');
    const kept = await withConnection(deps.pool, (client) => readImport(client, id), {
      until_ms: waitsUntil(req),
    });
    const found = kept ?? (await deps.dryRuns.read(id));
    if (found === undefined) throw new CatalogError('not_found', 'There is no import with this id.');
    res.set('Cache-Control', 'no-store').json(found);
  });
}
