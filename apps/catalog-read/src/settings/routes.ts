import { keyViewSchema, SETTINGS, SETTINGS_KEY, settingsSchema } from '@catalog/contracts';
import { callerKey, type Route, route } from '@catalog/service-kit';
import type { Pool } from 'pg';
import type { CatalogCache } from '../cache/catalog-cache.ts';
import { viewSettings } from '../cache/key-view.ts';
import { entityAnswers, sendEntity } from '../http/answer.ts';
import type { CountBypass } from '../http/bypass-limit.ts';
import type { LoadBudget } from '../http/load-budget.ts';
import { conditionalRead, versionNotReached } from '../http/request-headers.ts';

interface SettingsRoutesDeps {
  readonly cache: CatalogCache;
  readonly pool: Pool;
  readonly countBypass: CountBypass;
  readonly budget: LoadBudget;
}

export const settingsRoutes = (deps: SettingsRoutesDeps): Route[] => [
  settingsRoute(deps),
  settingsViewRoute(deps),
];

function settingsViewRoute({ cache, pool, countBypass, budget }: SettingsRoutesDeps): Route {
  return route({
    method: 'get',
    path: '/v1/settings/cache',
    summary: 'What Postgres, Redis and this process hold of the settings',
    scope: 'catalog:read',
    answers: { 200: { description: 'Side by side.', schema: keyViewSchema } },
    async handle(_input, res, req) {
      await countBypass(req);
      const view = await budget.query(callerKey(req), Number.POSITIVE_INFINITY, () =>
        viewSettings(cache, pool),
      );
      res.set('Cache-Control', 'no-store').json(view);
    },
  });
}

function settingsRoute({ cache, countBypass }: SettingsRoutesDeps): Route {
  return route({
    method: 'get',
    path: '/v1/settings',
    summary: 'Settings of the store',
    scope: 'catalog:read',
    headers: conditionalRead,
    answers: entityAnswers(settingsSchema),
    errors: ['not_found'],
    async handle({ headers: { minVersion, waitsUntil, ifNoneMatch } }, res, req) {
      const beforeBypass = () => countBypass(req);
      const answer = await cache.settings.get(SETTINGS_KEY, { minVersion, beforeBypass, waitsUntil });
      if (answer.version < minVersion) throw versionNotReached(minVersion, answer.version);
      sendEntity(res, SETTINGS, answer, ifNoneMatch);
    },
  });
}
