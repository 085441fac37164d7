import { SETTINGS, SETTINGS_KEY } from '@catalog/contracts';
import type { Express, RequestHandler } from 'express';
import type { CatalogCache } from '../cache/catalog-cache.ts';
import { sendEntity } from '../http/answer.ts';
import type { BypassLimit } from '../http/bypass-limit.ts';
import { minVersionOf, versionNotReached } from '../http/min-version.ts';
import { lazyWaitsUntil } from '../http/waits-until.ts';

export interface SettingsRoutesDeps {
  readonly cache: CatalogCache;
  readonly bypassLimit: BypassLimit;
  readonly guards: readonly RequestHandler[];
}

export function settingsRoutes(app: Express, { cache, bypassLimit, guards }: SettingsRoutesDeps): void {
  app.get('/v1/settings', ...guards, async (req, res) => {
    const minVersion = minVersionOf(req);
    const beforeBypass = () => bypassLimit.take(req);
    const waitsUntil = lazyWaitsUntil(req);
    const answer = await cache.settings.get(SETTINGS_KEY, { minVersion, beforeBypass, waitsUntil });
    if (answer.version < minVersion) throw versionNotReached(minVersion, answer.version);
    sendEntity(req, res, SETTINGS, answer);
  });
}
