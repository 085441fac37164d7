import { cacheKeySchema, heldKeySchema, OPERATE_SCOPE } from '@catalog/contracts';
import { route, type Route } from '@catalog/service-kit';
import { z } from 'zod';
import { type HeldKeyOptions, viewHeldKey } from './held-key.ts';

export function heldKeyRoute(options: HeldKeyOptions): Route {
  return route({
    method: 'get',
    path: '/v1/keys',
    summary: 'What Postgres and Redis hold of one key, of any entity',
    description: 'catalog-read shows its near caches too, for products, SKUs and settings.',
    scope: OPERATE_SCOPE,
    query: z.strictObject({ key: cacheKeySchema }),
    answers: { 200: { description: 'Side by side.', schema: heldKeySchema } },
    async handle({ query: { key } }, res) {
      res.set('Cache-Control', 'no-store').json(await viewHeldKey(key, options));
    },
  });
}
