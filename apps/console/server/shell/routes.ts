/** Sends the app for browsers, which `web/` holds and `vite build` writes into `dist/`. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sendKeptFile } from '@catalog/service-kit';
import type { Express, RequestHandler } from 'express';
import { html } from '../pages/html.ts';
import { sendPage } from '../pages/layout.ts';

const root = join(import.meta.dirname, '../..');
export const builtApp = join(root, 'dist');

/**
 * Style sheet and logo of the sign-in page, and the built app. Everybody may see them: they hold no data. The names of
 * built files contain a hash of their content, so browsers keep them.
 */
export function assets(dist = builtApp): RequestHandler {
  const places = [
    { folder: join(root, 'web/static'), cacheControl: 'no-cache' },
    { folder: join(dist, 'assets'), cacheControl: 'public, max-age=31536000, immutable' },
  ];
  return (req, res, next) => {
    const name = /^\/(\w[\w.-]*)$/.exec(req.path)?.[1];
    const found =
      name === undefined ? undefined : places.find(({ folder }) => existsSync(join(folder, name)));
    if (name === undefined || found === undefined || !['GET', 'HEAD'].includes(req.method)) next();
    else sendKeptFile(req, res, join(found.folder, name), found.cacheControl);
  };
}

/** The addresses of the app. `web/router.tsx` has the same; a test compares them. */
export const appPages = [
  '/',
  '/products',
  '/products/new',
  '/products/:id',
  '/changes',
  '/keys',
  '/orders',
  '/orders/:id',
  '/import',
  '/audit-log',
  '/people',
  '/settings',
  '/break-it',
] as const;

export function shellRoutes(app: Express, dist = builtApp): void {
  const send: RequestHandler = async (_req, res) => {
    // Read each time, because a new build names other files.
    const page = await readFile(join(dist, 'index.html'), 'utf8').catch(() => undefined);
    if (page !== undefined) {
      res.type('html').send(page);
      return;
    }
    sendPage(res, 503, {
      title: 'Not built',
      main: html`<section class="notice">
        <h1>The console is not built yet</h1>
        <p>
          Run <code>npx nx build console</code>, then load this page again. <code>npm start</code> does it by
          itself.
        </p>
        <p><a class="button" href="/queues/">To the queues</a></p>
      </section>`,
    });
  };
  app.get([...appPages], send);
}
