import type { CatalogClient } from '@catalog/catalog-client';
import { type ApiDependencies, createApi } from '@catalog/service-kit';
import type { Express } from 'express';
import { quoteRoute } from './quotes/routes.ts';

export const serviceName = 'service-template';

export interface Dependencies extends ApiDependencies {
  readonly catalog: Pick<CatalogClient, 'products'>;
}

export function createApp(deps: Dependencies): Express {
  return createApi({
    ...deps,
    service: serviceName,
    description: 'Says what a number of pieces costs.',
    routes: [quoteRoute(deps)],
  });
}
