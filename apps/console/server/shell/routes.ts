/** Sends the app for browsers, which `web/` holds and `vite build` writes into `dist/`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Express, RequestHandler } from 'express';
import { html } from '../pages/html.ts';
import { sendPage } from '../pages/layout.ts';
import { signedIn } from '../sessions/access.ts';
import { appPages, type AppPage } from './app-pages.ts';
import { builtApp } from './assets.ts';
import { earlyLoads, filesOf, type Manifest } from './early-loads.ts';

/** Who looks at the page. Every page asks it. */
const me = '/api/me';

export function shellRoutes(app: Express, dist = builtApp): void {
  const send =
    ({ file, asks }: AppPage): RequestHandler =>
    async (req, res) => {
      const built = await readBuilt(dist);
      if (built === undefined) {
        sendNotBuilt(res);
        return;
      }
      const { id } = req.params;
      const visit = {
        id: typeof id === 'string' ? encodeURIComponent(id) : '',
        query: req.query,
        role: signedIn(res).role,
      };
      const loads = earlyLoads(filesOf(built.manifest, file), [me, ...asks(visit)]);
      res.type('html').send(built.page.replace('</head>', () => `${loads.text}</head>`));
    };
  for (const [path, page] of Object.entries(appPages)) app.get(path, send(page));
}

/** Read each time, because a new build names other files. undefined before the first build. */
async function readBuilt(dist: string): Promise<{ page: string; manifest: Manifest } | undefined> {
  try {
    const [page, manifest] = await Promise.all([
      readFile(join(dist, 'index.html'), 'utf8'),
      readFile(join(dist, '.vite/manifest.json'), 'utf8'),
    ]);
    return { page, manifest: JSON.parse(manifest) as Manifest };
  } catch {
    return undefined;
  }
}

function sendNotBuilt(res: Parameters<typeof sendPage>[0]): void {
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
}
