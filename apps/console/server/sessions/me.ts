import type { Express } from 'express';
import { signedIn } from './access.ts';

/** Who looks at the page. The app asks it first. */
/** `breaksStack`: whether this is a local stack, which may be broken. */
export function meRoute(app: Express, { breaksStack }: { readonly breaksStack: boolean }): void {
  app.get('/api/me', (_req, res) => {
    const { username, role, confirmed } = signedIn(res);
    res.json({ username, role, confirmed, breaksStack });
  });
}
