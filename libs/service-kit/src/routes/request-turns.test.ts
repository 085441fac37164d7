/** The requests of one caller use at most half of the connections that the routes share. See docs/security.md, row 66. */
import { createTestTokens, eventually } from '@catalog/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { authenticate } from '../auth/authenticate.ts';
import { startTestService, type TestService } from '../http/service.fixture.ts';
import { createApi } from './api.ts';
import { requestTimeout } from './header-fields.ts';
import { route } from './route.ts';

const answers = { 200: { description: 'Done.', schema: z.unknown() } };
let begun: string[];
let ends: Map<string, () => void>;
/** Work that runs until the test ends it. */
async function work(name: string): Promise<void> {
  begun.push(name);
  await new Promise<void>((resolve) => ends.set(name, resolve));
  ends.delete(name);
}

const routes = [
  route({
    method: 'get',
    path: '/v1/things/{name}',
    summary: 'A thing',
    scope: 'things',
    params: z.strictObject({ name: z.string() }),
    headers: { until_ms: requestTimeout },
    answers,
    async handle({ params: { name } }, res) {
      await work(name);
      res.json(name);
    },
  }),
  route({
    method: 'post',
    path: '/v1/files',
    summary: 'Send a file',
    scope: 'things',
    body: { streamed: true, types: ['text/csv'], description: 'Lines.' },
    answers,
    async handle(_input, res) {
      await work('upload');
      res.json('upload');
    },
  }),
];

let service: TestService;
const tokens = await createTestTokens();
beforeAll(async () => {
  service = await startTestService({
    create: (deps) =>
      createApi({
        ...deps,
        service: 'test',
        description: 'Things.',
        authenticate: authenticate({ jwksFile: tokens.jwksFile, audience: 'test' }),
        connections: 5,
        routes,
      }),
  });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await tokens[Symbol.asyncDispose]();
});
beforeEach(() => {
  begun = [];
  ends = new Map();
});

const as = (sub: string) => ({
  Authorization: `Bearer ${tokens.sign({ aud: 'test', scope: 'things', sub })}`,
});
const get = (sub: string, name: string, headers: Record<string, string> = {}) =>
  fetch(`${service.url}/v1/things/${name}`, { headers: { ...as(sub), ...headers } });
const hasBegun = (...names: readonly string[]) =>
  eventually(() => names.every((name) => begun.includes(name)));

test('further requests of a caller wait for its earlier ones, and those of another caller do not', async () => {
  const greedy = ['a1', 'a2', 'a3', 'a4'].map((name) => get('greedy', name));
  await eventually(() => begun.length === 2);
  const other = get('other', 'b1');
  await hasBegun('b1');
  expect(begun).toHaveLength(3);
  ends.get('b1')?.();
  expect((await other).status).toBe(200);
  expect(begun).toHaveLength(3);
  for (const count of [4, 5]) {
    ends.get(begun.find((name) => ends.has(name)) ?? '')?.();
    await eventually(() => begun.length === count);
  }
  for (const end of ends.values()) end();
  for (const answer of await Promise.all(greedy)) expect(answer.status).toBe(200);
});

test('a request does not begin for a caller who gave up while it waited', async () => {
  const running = ['a1', 'a2'].map((name) => get('hurried', name));
  await hasBegun('a1', 'a2');
  const late = await get('hurried', 'a3', { 'Request-Timeout-Ms': '50' });
  expect([late.status, begun.includes('a3')]).toEqual([503, false]);
  for (const end of ends.values()) end();
  await Promise.all(running);
});

test('an upload takes no turn, and waits for none', async () => {
  const running = ['a1', 'a2'].map((name) => get('uploader', name));
  await hasBegun('a1', 'a2');
  const upload = fetch(`${service.url}/v1/files`, {
    method: 'POST',
    headers: { ...as('uploader'), 'Content-Type': 'text/csv' },
    body: 'a,b',
  });
  await hasBegun('upload');
  for (const end of ends.values()) end();
  for (const answer of await Promise.all([...running, upload])) expect(answer.status).toBe(200);
});
