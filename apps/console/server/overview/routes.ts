import type { Express } from 'express';
import { sendPage } from '../pages/layout.ts';
import { signedIn } from '../sessions/access.ts';
import { overviewPage, statePart } from './page.ts';
import type { SystemState } from './state.ts';

export function overviewRoutes(app: Express, { state }: { state: () => Promise<SystemState> }): void {
  app.get('/', async (_req, res) => {
    const user = signedIn(res);
    const main = overviewPage(await state(), user);
    sendPage(res, 200, { title: 'Overview', main, signedIn: user, current: '/' });
  });

  /** The part of the page that changes, as HTML without a frame. */
  app.get('/state', async (_req, res) => {
    res.type('html').send(statePart(await state()).text);
  });
}
