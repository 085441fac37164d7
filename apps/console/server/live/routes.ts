import type { CallerPlaces } from '@catalog/service-kit';
import type { Express } from 'express';
import { signedIn } from '../sessions/access.ts';
import { BrowserStream } from './browser-stream.ts';
import type { WorkerStream } from './worker-stream.ts';

/** The open streams of all people. If a person opens more tabs than `mostPerCaller`, the further ones show no live changes. */
export const streamLimits = { what: 'streams', most: 200, mostPerCaller: 12, retryAfter_s: 30 } as const;

/** Changes as they are applied, for browsers. */
export function liveRoutes(
  app: Express,
  { stream, streams }: { stream: WorkerStream; streams: CallerPlaces },
): void {
  app.get('/api/live', (_req, res) => {
    const { accountId, isStillSignedIn } = signedIn(res);
    const place = streams.take(accountId);
    const browser = new BrowserStream(res, isStillSignedIn);
    const unlisten = stream.listen((event) => browser.send(event));
    res.on('close', () => {
      unlisten();
      place[Symbol.dispose]();
    });
  });
}
