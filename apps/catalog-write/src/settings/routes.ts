import { etagOf, SETTINGS, settingsPatchSchema } from '@catalog/contracts';
import { updateSettings, type Pool } from '@catalog/database';
import { jsonBody, parse } from '@catalog/service-kit';
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
    const settings = await changeIfMatch(allowed, (expected) => updateSettings(pool, patch, expected));
    res
      .set('ETag', etagOf(SETTINGS, settings.version))
      .set('Catalog-Version', String(settings.version))
      .json(settings);
  });
}
