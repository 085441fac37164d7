import { SETTINGS, settingsPatchSchema, settingsSchema } from '@catalog/contracts';
import { updateSettings, withTransaction, type Pool, type PoolClient } from '@catalog/database';
import { mergePatch, requestTimeout, route, type Route } from '@catalog/service-kit';
import { changeIfMatch, describedVersionAndTag, ifMatch, sendVersioned } from '../preconditions/if-match.ts';

export function settingsRoute({ pool }: { readonly pool: Pool }): Route {
  return route({
    method: 'patch',
    path: '/v1/settings',
    summary: 'Change the settings by a merge patch (RFC 7396)',
    scope: 'catalog:write',
    headers: { allowed: ifMatch(SETTINGS), until_ms: requestTimeout },
    body: mergePatch(settingsPatchSchema, { lowStockThreshold: 5 }),
    answers: {
      200: {
        description: 'The settings as they are now.',
        schema: settingsSchema,
        headers: describedVersionAndTag,
      },
    },
    errors: ['busy'],
    async handle({ body: patch, headers: { allowed, until_ms } }, res) {
      const change = (client: PoolClient) =>
        changeIfMatch(allowed, (expected) => updateSettings(client, patch, expected));
      sendVersioned(res, SETTINGS, await withTransaction(pool, change, { until_ms }));
    },
  });
}
