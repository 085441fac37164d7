import { CatalogError } from '@catalog/contracts';
import type { Express } from 'express';
import { signedIn } from '../sessions/access.ts';
import { BrowserStream } from './browser-stream.ts';
import type { WorkerStream } from './worker-stream.ts';

/** If a person opens more tabs than this, the further ones show no live changes. */
const mostStreamsPerPerson = 12;
const mostStreams = 200;

/** Changes as they are applied, for browsers. */
export function liveRoutes(app: Express, { stream }: { stream: WorkerStream }): void {
  const open = new Map<string, number>();
  let all = 0;

  app.get('/api/live', (_req, res) => {
    const { accountId, isStillSignedIn } = signedIn(res);
    const own = open.get(accountId) ?? 0;
    if (own >= mostStreamsPerPerson || all >= mostStreams)
      throw new CatalogError(
        'rate_limited',
        'Too many pages with live changes are open. Close some of them.',
        {
          retryAfterSeconds: 30,
        },
      );
    open.set(accountId, own + 1);
    all++;
    const browser = new BrowserStream(res, isStillSignedIn);
    const unlisten = stream.listen((event) => browser.send(event));
    res.on('close', () => {
      unlisten();
      all--;
      const left = (open.get(accountId) ?? 1) - 1;
      if (left === 0) open.delete(accountId);
      else open.set(accountId, left);
    });
  });
}
