import type { Express } from 'express';
import { signedIn } from './access.ts';

/** Who looks at the page. The app asks it first. */
export function meRoute(app: Express): void {
  app.get('/api/me', (_req, res) => {
    const { username, role, confirmed } = signedIn(res);
    res.json({ username, role, confirmed });
  });
}
