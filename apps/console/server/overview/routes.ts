import { parse } from '@catalog/service-kit';
import type { Express } from 'express';
import { z } from 'zod';
import type { Series } from './series.ts';
import type { SystemState } from './state.ts';

const query = z.strictObject({ span: z.enum(['15m', '24h']).default('15m') });

export function overviewRoutes(
  app: Express,
  { state, series }: { state: () => Promise<SystemState>; series: Series },
): void {
  app.get('/api/state', async (_req, res) => {
    res.json(await state());
  });

  app.get('/api/series', (req, res) => {
    res.json(series.of(parse(query, req.query, 'query').span));
  });
}
