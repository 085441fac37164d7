import fs from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { CatalogError, problemSchema, versionSchema, type Problem } from '@catalog/contracts';
import { createTestTokens, openApiChecker, rawHttp } from '@catalog/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { authenticate } from '../auth/authenticate.ts';
import { startTestService, type TestService } from '../http/service.fixture.ts';
import { createApi } from './api.ts';
import { headerOf, idempotencyKey, requestTimeout } from './header-fields.ts';
import { type CheckedBy, mergePatch, route } from './route.ts';

const thing = z.strictObject({ id: z.string(), size: z.int().min(1) });
const params = z.strictObject({ id: z.string().max(5, { error: 'must have at most 5 characters' }) });

const lettersParams: CheckedBy<{ readonly letters: number }> = {
  schema: params,
  check: ({ id }) => {
    if (id === 'none') throw new CatalogError('not_found', 'There is no thing "none".');
    return { letters: String(id).length };
  },
};

const routes = [
  route({
    method: 'get',
    path: '/v1/things',
    summary: 'Search <b>',
    scope: ['things:read', 'things:write'],
    query: z.strictObject({ q: z.string().optional() }),
    answers: { 200: { description: 'What was asked.', schema: z.unknown() } },
    handle({ query }, res) {
      res.json(query);
    },
  }),
  route({
    method: 'get',
    path: '/v1/things/{id}',
    summary: 'A thing',
    scope: ['things:read', 'things:write'],
    params: lettersParams,
    headers: {
      version: headerOf('Version', 'A version.', versionSchema.optional()),
      until_ms: requestTimeout,
    },
    answers: { 200: { description: 'Its letters.', schema: z.unknown() } },
    errors: ['not_found'],
    handle({ params: { letters }, headers, caller }, res) {
      res.json({ letters, hasTime: headers.until_ms > performance.now(), caller: caller.subject });
    },
  }),
  route({
    method: 'patch',
    path: '/v1/things/{id}',
    summary: 'Change a thing',
    scope: 'things:write',
    params,
    headers: { key: idempotencyKey },
    body: mergePatch(thing.pick({ size: true }), { size: 3 }),
    answers: { 200: { description: 'The thing.', schema: thing } },
    async handle({ params: { id }, body: { size } }, res) {
      if (size === 13) throw new CatalogError('conflict', 'No thing has the size 13.');
      res.json({ id, size });
    },
    errors: ['conflict'],
  }),
  route({
    method: 'post',
    path: '/v1/files',
    summary: 'Send a file',
    scope: 'things:write',
    body: { streamed: true, types: ['text/csv'], description: 'Lines.', examples: { 'text/csv': 'a,b' } },
    answers: { 200: { description: 'Its length.', schema: z.unknown() } },
    async handle({ mediaType }, res, req) {
      res.json({ mediaType, length: (await buffer(req)).length });
    },
  }),
];

let service: TestService;
let call: (
  method: string,
  path: string,
  options?: { scope?: string; body?: string; headers?: Record<string, string> },
) => Promise<Response>;
const tokens = await createTestTokens();

beforeAll(async () => {
  service = await startTestService({
    create: (deps) =>
      createApi({
        ...deps,
        service: 'test',
        description: 'Things.',
        authenticate: authenticate({ jwksFile: tokens.jwksFile, audience: 'test' }),
        rateLimiter: {
          limit: 5,
          window_ms: 1_000,
          take: (caller) => ({ allowed: caller !== 'caller:greedy', left: 0, reset_ms: 500 }),
        },
        routes,
      }),
  });
  call = (method, path, { scope = 'things:write', body, headers } = {}) => {
    const token = tokens.sign({ aud: 'test', sub: 'ann', scope });
    return fetch(service.url + path, {
      method,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    });
  };
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await tokens[Symbol.asyncDispose]();
});

async function problemOf(response: Response): Promise<Problem> {
  return problemSchema.parse(await response.json());
}

test('a handler gets the checked and converted parts of the request', async () => {
  expect(await (await call('GET', '/v1/things?q=a')).json()).toEqual({ q: 'a' });
  const one = await call('GET', '/v1/things/abc', { headers: { 'Request-Timeout-Ms': '60000' } });
  expect(await one.json()).toEqual({ letters: 3, hasTime: true, caller: 'ann' });
  const patched = await call('PATCH', '/v1/things/abc', { body: '{"size":3}' });
  expect(await patched.json()).toEqual({ id: 'abc', size: 3 });
  const sent = await call('POST', '/v1/files', { body: 'a,b', headers: { 'Content-Type': 'text/csv' } });
  expect(await sent.json()).toEqual({ mediaType: 'text/csv', length: 3 });
});

test.each<[string, string, object, { pointer?: string; parameter?: string; header?: string }]>([
  ['PATCH', '/v1/things/abcdef', { body: '{"size":3}' }, { parameter: 'id' }],
  ['PATCH', '/v1/things/abc', { body: '{"size":0}' }, { pointer: '/size' }],
  ['PATCH', '/v1/things/abc', { body: '{"size":3,"colour":1}' }, { pointer: '/colour' }],
  ['PATCH', '/v1/things/abc', { body: '{}', headers: { 'Idempotency-Key': 'ä' } }, { pointer: '/size' }],
  [
    'PATCH',
    '/v1/things/a',
    { body: '{"size":3}', headers: { 'Idempotency-Key': 'a b' } },
    { header: 'Idempotency-Key' },
  ],
  ['GET', '/v1/things?colour=red', {}, { parameter: 'colour' }],
  ['GET', '/v1/things/abc', { headers: { 'Request-Timeout-Ms': 'soon' } }, { header: 'Request-Timeout-Ms' }],
  ['GET', '/v1/things/abc', { headers: { Version: 'x' } }, { header: 'Version' }],
])(
  '%s %s with %j is refused, and the error names the field and the rule',
  async (method, path, options, field) => {
    const response = await call(method, path, options);
    const problem = await problemOf(response);
    expect([response.status, problem.errors.length]).toEqual([400, 1]);
    expect(problem.errors[0]).toMatchObject(field);
    expect(problem.detail).toContain(Object.values(field)[0]);
    expect(problem.detail).toContain(problem.errors[0]?.message);
  },
);

test('an error of a check or of a handler becomes its own answer', async () => {
  expect((await problemOf(await call('GET', '/v1/things/none'))).code).toBe('not_found');
  expect((await problemOf(await call('PATCH', '/v1/things/abc', { body: '{"size":13}' }))).code).toBe(
    'conflict',
  );
});

test('each declared scope is enough, another one is not', async () => {
  expect((await call('GET', '/v1/things', { scope: 'things:read' })).status).toBe(200);
  expect((await call('GET', '/v1/things', { scope: 'things:write' })).status).toBe(200);
  expect((await call('GET', '/v1/things', { scope: 'other' })).status).toBe(403);
  expect((await call('PATCH', '/v1/things/a', { scope: 'things:read', body: '{}' })).status).toBe(403);
  expect((await fetch(`${service.url}/v1/things`)).status).toBe(401);
});

test('the rate limit holds for every route', async () => {
  const token = tokens.sign({ aud: 'test', sub: 'greedy', scope: 'things:write' });
  const response = await call('GET', '/v1/things', { headers: { Authorization: `Bearer ${token}` } });
  expect([response.status, response.headers.get('ratelimit-policy')]).toEqual([429, '"default";q=5;w=1']);
});

test.each([
  ['DELETE', '/v1/things/1', 'GET, HEAD, PATCH'],
  ['GET', '/v1/files', 'POST'],
  ['OPTIONS', '/v1/things', 'GET, HEAD'],
  ['POST', '/docs', 'GET, HEAD'],
])('%s %s is refused, and Allow lists the declared methods: %s', async (method, path, allow) => {
  const response = await fetch(service.url + path, { method });
  expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
});

test('the document describes what the routes answer', async () => {
  const api = await openApiChecker(`${service.url}/openapi.json`);
  expect(api.operations).toEqual([
    'get /v1/things',
    'get /v1/things/{id}',
    'patch /v1/things/{id}',
    'post /v1/files',
  ]);
  for (const status of [401, 403, 429, 500, 503]) expect(api.describing(status)).toEqual(api.operations);
  expect(api.describing(413)).toEqual(['patch /v1/things/{id}']);
  // A header may bring its own errors.
  expect(api.describing(422)).toEqual(['patch /v1/things/{id}']);
  await api.check('patch /v1/things/{id}', await call('PATCH', '/v1/things/a', { body: '{"size":3}' }));
  const served = (await (await fetch(`${service.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { parameters: object[]; security: object[] }>>;
  };
  const read = served.paths['/v1/things/{id}']?.['get'];
  expect(read?.parameters).toMatchObject([
    { name: 'id', in: 'path', required: true, schema: { type: 'string', maxLength: 5 } },
    { name: 'Version', in: 'header', required: false },
    { name: 'Request-Timeout-Ms', in: 'header', required: false },
  ]);
  expect(read?.security).toEqual([{ serviceToken: ['things:read'] }, { serviceToken: ['things:write'] }]);
});

test('the document says how to get a token, which scope a call needs, and shows an example of each body', async () => {
  const { info, paths } = (await (await fetch(`${service.url}/openapi.json`)).json()) as {
    info: { description: string };
    paths: Record<string, Record<string, { description: string; requestBody: { content: object } }>>;
  };
  expect(info.description).toContain(
    'npm run --silent token -- --scope "things:read things:write" --aud test',
  );
  expect(paths['/v1/things']?.['get']?.description).toBe('Scope: `things:read` or `things:write`.');
  expect(paths['/v1/things/{id}']?.['patch']?.requestBody.content).toMatchObject({
    'application/merge-patch+json': { example: { size: 3 } },
    'application/json': { example: { size: 3 } },
  });
});

test('the page of the document and its files come from this service, without an inline script', async () => {
  const page = await fetch(`${service.url}/docs`);
  expect(page.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self';.*frame-ancestors 'none'/,
  );
  expect(page.headers.get('x-content-type-options')).toBe('nosniff');
  const html = await page.text();
  expect(html).not.toMatch(/https?:\/\/|<style|style=|<script>/);
  const files = [...html.matchAll(/(?:href|src)="(docs\/[^"]+)"/g)].map(([, path]) => path ?? '');
  expect(files).toHaveLength(4);
  // A request that opens a file takes a thread that others need for their tokens.
  const opened = vi.spyOn(fs, 'createReadStream');
  for (const path of files) {
    const file = await fetch(`${service.url}/${path}`);
    expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(100);
    expect([path, file.status, file.headers.get('content-type')]).toEqual([
      path,
      200,
      expect.stringMatching(path.endsWith('.css') ? /^text\/css/ : /^text\/javascript/),
    ]);
    const again = `GET /${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nIf-None-Match: ${file.headers.get('etag')}\r\n\r\n`;
    expect(await rawHttp(service.port, again)).toMatch(/^HTTP\/1\.1 304 /);
  }
  expect(opened).not.toHaveBeenCalled();
  opened.mockRestore();
  for (const path of ['/docs/package.json', '/docs/../package.json', '/docs/x', '/docs/'])
    expect((await fetch(service.url + path)).status).toBe(404);
});
