import { SETTINGS, SETTINGS_KEY, settingsSchema } from '@catalog/contracts';
import { type Route, route } from '@catalog/service-kit';
import type { CatalogCache } from '../cache/catalog-cache.ts';
import { entityAnswers, sendEntity } from '../http/answer.ts';
import type { CountBypass } from '../http/bypass-limit.ts';
import { conditionalRead, versionNotReached } from '../http/request-headers.ts';

export function settingsRoute({
  cache,
  countBypass,
}: {
  readonly cache: Pick<CatalogCache, 'settings'>;
  readonly countBypass: CountBypass;
}): Route {
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
