import { CatalogError, errorCatalogue, problemSchema, type Problem } from '@catalog/contracts';
import { eventually, rawHttp } from '@catalog/testing';
import type { Express } from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { parse } from '../validation/parse.ts';
import { startTestService, type TestService } from './service.fixture.ts';

let service: TestService;

function routes(app: Express): void {
  app.get('/v1/things/:id', (req, res) => {
    res.json({ id: req.params.id });
  });
  app.get('/v1/search', (req, res) => {
    res.json(parse(z.strictObject({ q: z.string().optional() }), req.query, 'query'));
  });
  app.get('/v1/raw', (_req, res) => {
    res.writeHead(200, ['Content-Type', 'text/plain']);
    res.end('raw');
  });
  app.get('/v1/bug', () => {
    throw new Error('SELECT canary FROM secret_table on db-host.internal');
  });
  app.get('/v1/store-away', () => {
    throw Object.assign(new Error('connect ECONNREFUSED canary.internal:5432'), { code: 'ECONNREFUSED' });
  });
  app.get('/v1/row-locked', () => {
    const message = 'canceling statement due to lock timeout, while locking tuple (0,1) of canary';
    throw Object.assign(new Error(message), { code: '55P03', severity: 'ERROR' });
  });
  app.get('/v1/not-parsed', () => {
    throw Object.assign(new Error('unexpected token in canary'), { status: 400, statusCode: 400 });
  });
  app.get('/v1/refused-elsewhere', () => {
    throw Object.assign(new Error('the key of this service is not believed'), { status: 401 });
  });
  app.get('/v1/late-bug', async (_req, res) => {
    res.write('half');
    throw new Error('canary');
  });
  app.get('/v1/failing/:code', (req, res) => {
    res.setHeader('Cache-Control', 'public, max-age=60');
    res.setHeader('ETag', '"good"');
    throw new CatalogError(req.params.code as keyof typeof errorCatalogue, 'As asked.', {
      retryAfterSeconds: 0.2,
    });
  });
  app.get('/v1/address', (req, res) => {
    res.json(req.ip);
  });
}

beforeAll(async () => {
  service = await startTestService({ routes });
});
afterAll(() => service[Symbol.asyncDispose]());

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('etag')).toBeNull();
  const problem = problemSchema.parse(await response.json());
  expect(problem.status).toBe(response.status);
  expect(response.headers.get('x-request-id')).toBe(problem.requestId);
  return problem;
}

test('an unknown address is a 404 problem', async () => {
  const problem = await problemOf(await fetch(`${service.url}/v1/nothing`));
  expect(problem).toMatchObject({ type: '/problems/no_route', code: 'no_route', status: 404, errors: [] });
});

test('an address that every service has allows only its own methods', async () => {
  const response = await fetch(`${service.url}/livez`, { method: 'POST' });
  expect(response.headers.get('allow')).toBe('GET, HEAD');
  expect((await problemOf(response)).code).toBe('method_not_allowed');
});

test.each(['/v1/things/%ff', '/v1/things/%', '/v1/things/%E0%A4%A'])(
  'a broken percent-encoding in %s is a 400 problem',
  async (path) => {
    expect((await problemOf(await fetch(service.url + path))).code).toBe('malformed_request');
  },
);

test('the client learns nothing of a bug, and the log has it once, with its stack', async () => {
  service.logLines.length = 0;
  const response = await fetch(`${service.url}/v1/bug`);
  const problem = await problemOf(response);
  expect(problem.code).toBe('internal_error');
  expect(JSON.stringify(problem)).not.toMatch(/canary|SELECT|secret_table|db-host|at .*\.ts/);
  const line = await eventually(() => {
    expect(service.logLines).toHaveLength(1);
    return JSON.parse(service.logLines[0] ?? '') as {
      level: string;
      requestId: string;
      err: { stack: string };
    };
  });
  expect(line).toMatchObject({ level: 'error', requestId: problem.requestId });
  expect(line.err.stack).toContain('canary');
});

test.each([
  ['/v1/store-away', 503],
  ['/v1/row-locked', 409],
  ['/v1/not-parsed', 400],
])('%s fails with a text of ours, not with one of the store or the parser', async (path, status) => {
  const response = await fetch(service.url + path);
  const problem = await problemOf(response);
  expect(problem.status).toBe(status);
  expect(JSON.stringify(problem)).not.toMatch(/canary|ECONNREFUSED|tuple/);
});

test('an error answer of another service that no handler caught is a 500, not a mistake of the client', async () => {
  const problem = await problemOf(await fetch(`${service.url}/v1/refused-elsewhere`));
  expect([problem.status, problem.code]).toEqual([500, 'internal_error']);
});

test('the client sees that an answer that fails half-way is not complete', async () => {
  const response = await fetch(`${service.url}/v1/late-bug`);
  await expect(response.text()).rejects.toThrow();
});

test.each(Object.keys(errorCatalogue))(
  '%s has its status, is never cacheable, and has a page of its own',
  async (code) => {
    const response = await fetch(`${service.url}/v1/failing/${code}`);
    const problem = await problemOf(response);
    expect(problem.status).toBe(errorCatalogue[code as keyof typeof errorCatalogue].status);
    expect(response.headers.get('retry-after')).toBe('1');
    const page = await fetch(service.url + problem.type);
    expect(await page.json()).toMatchObject({ code, remedy: expect.any(String) as string });
  },
);

test('a good request after errors on the same connection gets its own answer', async () => {
  await fetch(`${service.url}/v1/bug`).then((response) => response.text());
  const response = await fetch(`${service.url}/v1/things/7`);
  expect(await response.json()).toEqual({ id: '7' });
  expect(response.headers.get('cache-control')).toBeNull();
});

test.each(['/v1/things/1', '/v1/raw', '/v1/nothing', '/livez'])(
  '%s is answered with nosniff and without a name of the software',
  async (path) => {
    const { headers } = await fetch(service.url + path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('server')).toBeNull();
  },
);

test('a harmless request id of the client is kept, any other is replaced', async () => {
  const ask = async (id: string): Promise<string> =>
    (await problemOf(await fetch(`${service.url}/v1/nothing`, { headers: { 'X-Request-Id': id } })))
      .requestId;
  expect(await ask('order-17.b_2')).toBe('order-17.b_2');
  expect(await ask('<script>')).toMatch(/^[\w-]+\.\w+$/);
  expect(await ask('x'.repeat(65))).not.toContain('xx');
  expect(await ask('a b')).not.toBe(await ask('a b'));
});

test('a log record stays one line whatever the address and headers hold', async () => {
  service.logLines.length = 0;
  await fetch(`${service.url}/v1/nothing%0d%0a{"level":"fatal"}%0a`, { headers: { 'X-Request-Id': 'a"b' } });
  await eventually(() => expect(service.logLines).toHaveLength(1));
  expect(JSON.parse(service.logLines[0] ?? '')).toMatchObject({ level: 'info', status: 404 });
  // No client library sends a quote as it is.
  const url = '/v1/"},{"level":"fatal","msg":"x\\n';
  await rawHttp(service.port, `GET ${url} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  await eventually(() => expect(service.logLines).toHaveLength(2));
  expect(JSON.parse(service.logLines[1] ?? '')).toMatchObject({ level: 'info', status: 404, url });
});

test('repeated and unknown query parameters are refused', async () => {
  const problem = await problemOf(await fetch(`${service.url}/v1/search?q=1&q=2&__proto__=1`));
  expect(problem.errors.map((error) => [error.parameter, error.code])).toEqual([
    ['q', 'repeated'],
    ['__proto__', 'unknown'],
  ]);
});

test('X-Forwarded-For counts only from a proxy that is trusted', async () => {
  const headers = { 'X-Forwarded-For': '203.0.113.9' };
  expect(await (await fetch(`${service.url}/v1/address`, { headers })).json()).toBe('127.0.0.1');
  await using behind = await startTestService({ routes, trustedProxies: ['127.0.0.1'] });
  expect(await (await fetch(`${behind.url}/v1/address`, { headers })).json()).toBe('203.0.113.9');
  const forged = { 'X-Forwarded-For': '198.51.100.1, 203.0.113.9' };
  expect(await (await fetch(`${behind.url}/v1/address`, { headers: forged })).json()).toBe('203.0.113.9');
  await using elsewhere = await startTestService({ routes, trustedProxies: ['192.0.2.1', '10.0.0.0/8'] });
  expect(await (await fetch(`${elsewhere.url}/v1/address`, { headers })).json()).toBe('127.0.0.1');
});

test('the histogram counts requests by pattern, never by address', async () => {
  service.metrics.httpRequest.reset();
  await Promise.all(['1', '2', '3'].map((id) => fetch(`${service.url}/v1/things/${id}`)));
  await fetch(`${service.url}/v1/nothing-${Math.random()}`);
  const text = await (await fetch(`${service.url}/metrics`)).text();
  expect(text).toMatch(
    /http_request_duration_seconds_count\{method="GET",route="\/v1\/things\/:id",status="200",service="test"\} 3/,
  );
  expect(text).toMatch(
    /http_request_duration_seconds_bucket\{method="GET",route="\/v1\/things\/:id",status="200",le="\+Inf",service="test"\} 3/,
  );
  expect(text).toMatch(/route="none",status="404",service="test"\} 1/);
  expect(text).toMatch(/process_cpu_seconds_total/);
  expect(text).not.toContain('nothing-');
});

test('readiness names the checks that fail or hang, and liveness is 200 all the same', async () => {
  await using other = await startTestService({ routes: () => {} });
  expect((await fetch(`${other.url}/readyz`)).status).toBe(200);
  other.readiness.add('postgres', () =>
    Promise.reject(Object.assign(new Error('canary'), { code: 'ECONNREFUSED' })),
  );
  other.readiness.add('redis', () => new Promise(() => {}));
  other.readiness.add('fine', () => true);
  const response = await fetch(`${other.url}/readyz`);
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({
    status: 'not ready',
    checks: { postgres: 'fails: ECONNREFUSED', redis: 'no answer within 1000 ms', fine: 'ok' },
  });
  expect((await fetch(`${other.url}/livez`)).status).toBe(200);
});

test('a service with warnings stays ready, even if the check of a warning fails', async () => {
  await using other = await startTestService({ routes: () => {} });
  const matters: string[] = [];
  other.readiness.add('fine', () => true);
  other.readiness.warn('queue', async () => matters[0]);
  const answer = async () => {
    const response = await fetch(`${other.url}/readyz`);
    return { status: response.status, body: await response.json() };
  };
  expect(await answer()).toEqual({ status: 200, body: { status: 'ok', checks: { fine: 'ok' } } });
  matters.push('it is half full');
  other.readiness.warn('disk', () => Promise.reject(Object.assign(new Error('canary'), { code: 'EIO' })));
  expect(await answer()).toEqual({
    status: 200,
    body: {
      status: 'ok',
      checks: { fine: 'ok' },
      warnings: { queue: 'it is half full', disk: 'fails: EIO' },
    },
  });
});
