import { etagOf, SETTINGS, settingsPatchSchema } from '@catalog/contracts';
import { updateSettings, withTransaction, type Pool, type PoolClient } from '@catalog/database';
import { jsonBody, parse, waitsUntil } from '@catalog/service-kit';
import type { Express, RequestHandler } from 'express';
import { changeIfMatch, parseIfMatch } from '../preconditions/if-match.ts';
import { mergePatchTypes } from '../preconditions/merge-patch.ts';

export function settingsRoutes(
  app: Express,
  { pool, mayWrite }: { pool: Pool; mayWrite: RequestHandler },
): void {
  app.patch('/v1/settings', mayWrite, jsonBody({ types: mergePatchTypes }), async (req, res) => {
    const patch = parse(settingsPatchSchema, req.body, 'body');
    const allowed = parseIfMatch(SETTINGS, req.get('If-Match'));
    const change = (client: PoolClient) =>
      changeIfMatch(allowed, (expected) => updateSettings(client, patch, expected));
    const settings = await withTransaction(pool, change, { until_ms: waitsUntil(req) });
    res
      .set('ETag', etagOf(SETTINGS, settings.version))
      .set('Catalog-Version', String(settings.version))
      .json(settings);
  });
}
