/** For the server, a request that a front answers later is one like those of Express. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { CatalogError } from '@catalog/contracts';
import { eventually, rawHttp } from '@catalog/testing';
import type { Express, Request } from 'express';
import { expect, test } from 'vitest';
import { answerError } from './answer-error.ts';
import { createServiceApp, type ServiceDependencies } from './app.ts';
import { type Front, observeFront, plainHeaders, putInFront } from './front.ts';
import { startTestService } from './service.fixture.ts';

/** Takes `/later`, and holds each until the test answers it. */
class HoldingFront implements Front {
  readonly held: ServerResponse[] = [];
  readonly #observed: ReturnType<typeof observeFront>;

  constructor(deps: ServiceDependencies) {
    this.#observed = observeFront(deps);
  }

  answer: Front['answer'] = (req, res) => {
    if (req.url === '/ok?broken') throw new SyntaxError('what the front has read is broken');
    if (req.url !== '/later') return 'passedOn';
    this.#observed.began(res, '/later', performance.now());
    this.held.push(res);
    return 'later';
  };
}

async function startFront() {
  let front: HoldingFront | undefined;
  const service = await startTestService({
    create(deps) {
      const routes = (app: Express) => app.get('/ok', (_req, res) => void res.send('fine'));
      const app = createServiceApp({ ...deps, service: 'test', routes });
      front = new HoldingFront(deps);
      putInFront(app, front);
      return app;
    },
  });
  const { held } = front as unknown as HoldingFront;
  return { service, held, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const long = { quiet_ms: 10_000 };

test('a drain waits for the answer, which tells the client to close the connection', async () => {
  await using running = await startFront();
  const { service, held } = running;
  const answer = rawHttp(service.port, get('/later'), long);
  await eventually(() => held.length === 1);
  let isDrained = false;
  const drained = service.drain().then(() => (isDrained = true));
  await eventually(() => held[0]?.shouldKeepAlive === false);
  expect(isDrained).toBe(false);
  held[0]?.end('at last');
  expect(await answer).toMatch(/Connection: close\r\n[^]*at last/);
  await drained;
});

test('what is malformed behind the request is refused after its answer', async () => {
  await using running = await startFront();
  const { service, held } = running;
  const answers = rawHttp(service.port, `${get('/later')}nonsense\r\n\r\n`, long);
  await eventually(() => held.length === 1);
  held[0]?.end('at last');
  expect(await answers).toMatch(/200 OK[^]*at last[^]*HTTP\/1\.1 400 /);
});

test('a request behind it is answered after it', async () => {
  await using running = await startFront();
  const { service, held } = running;
  const answers = rawHttp(service.port, get('/later') + get('/ok'));
  await eventually(() => held.length === 1);
  held[0]?.end('at last');
  expect(await answers).toMatch(/at last[^]*fine/);
});

test('a client that leaves before the answer counts as 499', async () => {
  await using running = await startFront();
  const { service, held } = running;
  const socket = connect(service.port, '127.0.0.1');
  socket.write(get('/later'));
  await eventually(() => held.length === 1);
  socket.destroy();
  await once(held[0] as ServerResponse, 'close');
  held[0]?.end('too late');
  const counted =
    'http_request_duration_seconds_count{method="GET",route="/later",status="499",service="test"} 1';
  expect(await service.metrics.text()).toContain(counted);
  expect(service.logLines.join('\n')).toContain('"url":"/later"');
});

test('a failure is answered and logged as one of a route', async () => {
  await using running = await startFront();
  const { service, held } = running;
  const answer = rawHttp(service.port, get('/later'));
  await eventually(() => held.length === 1);
  const error = new CatalogError('unavailable', 'Nothing is there.', { retryAfterSeconds: 1 });
  answerError(held[0] as ServerResponse<Request>, error);
  expect(await answer).toMatch(/503 [^]*Retry-After: 1\r\n[^]*"code":"unavailable"/);
  await eventually(() => service.logLines.some((line) => line.includes('"code":"unavailable"')));
});

test('the time that a caller allows is read, and two of them are left to Express', () => {
  const headers = (...more: string[]) => plainHeaders({ rawHeaders: ['Host', 'a', ...more] } as never);
  expect(headers('REQUEST-timeout-ms', '250')?.requestTimeout).toBe('250');
  expect(headers()?.requestTimeout).toBeUndefined();
  expect(headers('Request-Timeout-Ms', '250', 'Request-Timeout-Ms', '250')).toBeUndefined();
});

test('an error of a front does not end the process: Express answers, and the log names the error', async () => {
  await using running = await startFront();
  const { service } = running;
  expect(await rawHttp(service.port, get('/ok?broken'))).toMatch(/200 OK[^]*fine/);
  expect(service.logLines.join()).toContain('what the front has read is broken');
});
