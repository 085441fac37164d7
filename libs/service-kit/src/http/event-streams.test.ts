import { CatalogError } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { expect, test } from 'vitest';
import { EventStreams } from './event-streams.ts';
import { startTestService } from './service.fixture.ts';

test('a stopping service refuses streams without an error in its log; a store that fails still logs one', async () => {
  const stopping = new AbortController();
  await using service = await startTestService({
    routes(app) {
      const streams = new EventStreams({ stopping: stopping.signal, most: 10, mostPerCaller: 10 });
      app.get('/events', (req, res) => void streams.open(req, res));
      app.get('/broken', () => {
        throw new CatalogError('unavailable', 'A store does not answer.', { cause: new Error('away') });
      });
    },
  });
  const levels = () =>
    service.logLines
      .map((line) => JSON.parse(line) as { level: number | string; url?: string; status?: number })
      .filter(({ url }) => url !== undefined)
      .map(({ level, url, status }) => [url, status, level]);
  stopping.abort();
  service.readiness.drain();
  for (const path of ['/events', '/broken']) expect((await fetch(service.url + path)).status).toBe(503);
  await eventually(() => levels().length === 2);
  expect(levels()).toEqual([
    ['/events', 503, 'info'],
    ['/broken', 503, 'error'],
  ]);
});
