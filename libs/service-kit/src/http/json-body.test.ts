import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { CatalogError, problemSchema, type Problem } from '@catalog/contracts';
import { eventually, rawHttp } from '@catalog/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jsonBody, parseJson } from './json-body.ts';
import { httpLimits } from './limits.ts';
import { startTestService, type TestService } from './service.fixture.ts';

let service: TestService;
const limitBytes = 1_000;

beforeAll(async () => {
  service = await startTestService({
    routes(app) {
      app.post(
        '/things',
        jsonBody({ limitBytes, types: ['application/json', 'application/merge-patch+json'] }),
        (req, res) => {
          res.json(req.body);
        },
      );
      app.post('/large', jsonBody({ limitBytes: 2_000_000 }), (_req, res) => {
        res.status(204).end();
      });
    },
  });
});
afterAll(() => service[Symbol.asyncDispose]());

async function post(
  body: string | Buffer<ArrayBuffer>,
  headers: Record<string, string> = { 'Content-Type': 'application/json' },
  path = '/things',
): Promise<Response> {
  return fetch(service.url + path, { method: 'POST', body, headers });
}

async function problemOf(response: Response): Promise<Problem> {
  return problemSchema.parse(await response.json());
}

test('JSON of the allowed types arrives as sent', async () => {
  for (const type of [
    'application/json',
    'Application/JSON; charset=utf-8',
    'application/merge-patch+json',
  ]) {
    expect(await (await post('{"a":["ü",1,null]}', { 'Content-Type': type })).json()).toEqual({
      a: ['ü', 1, null],
    });
  }
});

test.each([
  [{ 'Content-Type': 'text/plain' }],
  [{ 'Content-Type': 'application/json; charset=latin1' }],
  [{ 'Content-Type': 'application/jsonp' }],
  [{ 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }],
])('%j is a 415 that names the types allowed', async (headers) => {
  const response = await post('{}', headers);
  expect(response.status).toBe(415);
  expect((await problemOf(response)).detail).toContain('application/json, application/merge-patch+json');
});

test('a body announced above the limit is refused before it is sent', async () => {
  const answer = await rawHttp(
    service.port,
    'POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5000000000\r\n\r\n',
  );
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer).toContain('1000 bytes');
});

test('a body that grows above the limit is refused while it comes, and not kept', async () => {
  const before = process.memoryUsage().arrayBuffers;
  const sending = request({
    port: service.port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/things',
    headers: { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' },
  });
  sending.on('error', () => {});
  const answered = once(sending, 'response') as Promise<[IncomingMessage]>;
  sending.write(Buffer.alloc(2_000, ' '));
  const [response] = await answered;
  expect(response.statusCode).toBe(413);
  expect(response.headers.connection).toBe('close');
  for (let sent = 0; sent < 50 && !sending.destroyed; sent++) sending.write(Buffer.alloc(100_000, ' '));
  response.resume();
  await once(response, 'end');
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
  sending.destroy();
});

test('a large body of a refused request gets its answer, not a reset', async () => {
  for (let attempt = 0; attempt < 20; attempt++) {
    const response = await post(Buffer.alloc(3_000_000, ' '), { 'Content-Type': 'text/plain' });
    expect(response.status).toBe(415);
  }
});

test('a body that ends early does not succeed', async () => {
  const answer = await rawHttp(
    service.port,
    'POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":1}',
  );
  expect(answer).not.toContain('200 OK');
});

test('the bodies of one caller are limited, and no other caller waits for those that stop in the middle', async () => {
  // The header names the caller.
  await using shared = await startTestService({
    trustedProxies: ['127.0.0.1'],
    routes: (app) => app.post('/things', jsonBody(), (req, res) => void res.json(req.body)),
  });
  const from = (address: string) => ({
    'Content-Type': 'application/json',
    'X-Forwarded-For': address,
  });
  const send = (address: string) =>
    fetch(`${shared.url}/things`, { method: 'POST', body: '[1]', headers: from(address) });
  const stopped = Array.from({ length: httpLimits.bodiesOfCaller }, () => {
    const sending = request({
      port: shared.port,
      method: 'POST',
      path: '/things',
      headers: { ...from('192.0.2.1'), 'Content-Length': 100 },
    });
    sending.on('error', () => undefined);
    sending.write('[1,');
    return sending;
  });
  await eventually(async () => {
    const { promise: late, resolve } = Promise.withResolvers<false>();
    setTimeout(() => resolve(false), 100);
    const answer = await Promise.race([send('192.0.2.1'), late]);
    return answer === false;
  });
  expect((await send('192.0.2.2')).status).toBe(200);
  const own = send('192.0.2.1');
  for (const sending of stopped) sending.destroy();
  expect((await own).status).toBe(200);
});

test.each([
  ['', 'empty'],
  ['{"a":1,}', 'at character 7'],
  ['{"secret-canary": tru}', 'not valid JSON'],
  ['{"a":1} x', 'at character 8'],
  ["{'a':1}", 'at character 1'],
  ['{"a":01}', 'not valid JSON'],
  ['NaN', 'not valid JSON'],
])('%j is a 400 that says where and echoes nothing', async (body, expected) => {
  const response = await post(body);
  expect(response.status).toBe(400);
  const problem = await problemOf(response);
  expect(problem.code).toBe('malformed_request');
  expect(problem.detail).toContain(expected);
  expect(problem.detail).not.toContain('canary');
});

test('what is not UTF-8 is a 400', async () => {
  const response = await post(Buffer.from([0x22, 0xff, 0x22]));
  expect(response.status).toBe(400);
  expect((await problemOf(response)).detail).toContain('UTF-8');
});

test.each([
  '{"__proto__":{"polluted":1}}',
  '{"a":[{"constructor":{"prototype":{"polluted":1}}}]}',
  '{"constructor":{"polluted":1}}',
  String.raw`{"a":{"__pr\u006fto__":{"polluted":1}}}`,
  '{"prototype":1}',
])('%s is a 400 and pollutes nothing', async (body) => {
  const response = await post(body);
  expect(response.status).toBe(400);
  expect((await problemOf(response)).errors[0]?.code).toBe('forbidden_key');
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test('a value may say "constructor", a key may not', async () => {
  expect((await post('{"a":"constructor __proto__"}')).status).toBe(200);
});

/** The shortest of a few runs, in ms: other work of the machine can only make a run longer. */
function shortest(work: () => unknown): number {
  const times = Array.from({ length: 5 }, () => {
    const began = performance.now();
    try {
      work();
    } catch {
      // To refuse takes time too.
    }
    return performance.now() - began;
  });
  return Math.min(...times);
}

test.each([
  ['100,000 levels of arrays', '['.repeat(100_000), 'nests deeper than 20'],
  ['100,000 levels of objects', '{"a":'.repeat(100_000), 'nests deeper than 20'],
  ['100,000 levels of closed arrays', '['.repeat(100_000) + ']'.repeat(100_000), 'nests deeper than 20'],
  [
    'brackets behind a quote in a string',
    `["\\"${'['.repeat(10)}",${'['.repeat(100_000)}`,
    'nests deeper than 20',
  ],
  ['an array of 900,001 numbers', `[${'1,'.repeat(900_000)}1]`, 'more than 300 members'],
  ['an array of 200,001 objects', `{"a":[${'{"b":1},'.repeat(200_000)}{}]}`, 'more than 300 members'],
  [
    'objects of 18,000 members',
    `[${`{${'"a":1,'.repeat(200)}"a":1},`.repeat(90)}1]`,
    'more than 2000 members in all',
  ],
  [
    'an object of 100,000 keys',
    JSON.stringify(Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, 1]))),
    'more than 300 members',
  ],
])('%s: a 400, in less time than it takes to parse them', async (_what, body, words) => {
  const bytes = Buffer.from(body);
  expect(() => parseJson(bytes)).toThrow(words);
  expect(shortest(() => parseJson(bytes))).toBeLessThan(shortest(() => void JSON.parse(body)));
  const response = await post(body, undefined, '/large');
  expect(response.status).toBe(400);
  expect(await problemOf(response)).toMatchObject({
    code: 'malformed_request',
    detail: expect.stringContaining(words) as string,
  });
});

test('the greatest number of members passes in each of many arrays, and commas in strings do not count', async () => {
  const full = Array.from({ length: httpLimits.jsonMembers }, (_, index) => index);
  const value = { a: full, b: full, c: ','.repeat(5_000), d: [[], [1, [2]], full] };
  expect(parseJson(Buffer.from(JSON.stringify(value)))).toEqual(value);
  expect(() => parseJson(Buffer.from(JSON.stringify({ a: full, b: [...full, 0] })))).toThrow('members');
});

test('whatever JSON of modest depth is sent comes back equal, unless it holds a forbidden key', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 15, noUnicodeString: false }), (value) => {
      const text = JSON.stringify(value);
      let parsed: unknown;
      try {
        parsed = parseJson(Buffer.from(text));
      } catch (error) {
        return (
          error instanceof CatalogError && error.code === 'invalid_request' && /proto|constructor/.test(text)
        );
      }
      return JSON.stringify(parsed) === text;
    }),
  );
});

test('whatever bytes are sent, it fails only with an error of the catalogue', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        parseJson(bytes);
        return true;
      } catch (error) {
        return error instanceof CatalogError;
      }
    }),
  );
});
