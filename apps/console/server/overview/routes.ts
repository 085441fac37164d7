import type { Express } from 'express';
import type { SystemState } from './state.ts';

export function overviewRoutes(app: Express, { state }: { state: () => Promise<SystemState> }): void {
  app.get('/api/state', async (_req, res) => {
    res.json(await state());
  });
}
