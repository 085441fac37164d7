import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { problemSchema } from '@catalog/contracts';
import { eventually, startService, type ServiceProcess } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runningOrders, type RunningOrders } from '../testing/running-orders.ts';

let orders: RunningOrders;
/** A second orders service. It asks a scripted catalog, which gives answers that the real one does not give on demand. */
let service: ServiceProcess;
let answer = { status: 200, type: 'application/problem+json', body: {} as object };
const catalog = createServer((_req, res) => {
  res.writeHead(answer.status, { 'Content-Type': answer.type });
  res.end(JSON.stringify(answer.body));
});

beforeAll(async () => {
  orders = await runningOrders();
  catalog.listen(0, '127.0.0.1');
  await once(catalog, 'listening');
  service = await startOrders(orders.catalog.tokens.keyFile);
});
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  catalog.closeAllConnections();
  catalog.close();
  await orders[Symbol.asyncDispose]();
});

const startOrders = (keyFile: string) =>
  startService('orders', {
    ...orders.catalog.env('orders'),
    SERVICE_KEY_FILE: keyFile,
    CATALOG_READ_URL: `http://127.0.0.1:${(catalog.address() as AddressInfo).port}`,
  });

/** The answer to the caller, and the log record about it. */
async function refusal(from: ServiceProcess) {
  const token = orders.catalog.tokens.sign({ aud: 'orders', sub: 'shop', scope: 'orders:write' });
  const res = await fetch(`${from.url}/v1/orders`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ customerId: 'c-1', lines: [{ sku: 'LAMP-1', quantity: 1 }] }),
  });
  const problem = problemSchema.parse(await res.json());
  const record = await eventually(() => {
    const line = from
      .log()
      .split('\n')
      .find((text) => text.includes(problem.requestId));
    return line !== undefined && (JSON.parse(line) as { level: string; err: { message: string } });
  });
  return {
    problem,
    retryAfter: res.headers.get('retry-after'),
    log: record,
  };
}

test.each([
  ['401, about the token of this service,', 401, 503],
  ['403, about the scope of this service,', 403, 503],
  ['408', 408, 503],
  ['429, about the request rate of this service,', 429, 503],
  ['400', 400, 500],
  ['404 for the settings', 404, 500],
  ['412', 412, 500],
  ['500', 500, 500],
  ['200 with another body', 200, 500],
])('%s from the catalog is not reported as a mistake of the customer', async (_what, status, expected) => {
  answer = {
    status,
    type: 'application/problem+json',
    body: { code: 'some_code', detail: 'canary', errors: [{ parameter: 'sku', code: 'x', message: 'y' }] },
  };
  const { problem, retryAfter, log } = await refusal(service);
  expect(problem).toMatchObject({
    status: expected,
    code: expected === 503 ? 'unavailable' : 'internal_error',
    errors: [],
  });
  expect(problem.detail).not.toContain('canary');
  expect(retryAfter !== null).toBe(expected === 503);
  expect(log.level).toBe('error');
  expect(log.err.message).toMatch(status === 200 ? /does not fit the schema/ : /canary/);
});

test.each([
  ['a proxy', 'text/html', 'http_404'],
  ['another service', 'application/problem+json', 'no_route'],
  ['another service with the code of a missing product', 'application/problem+json', 'not_found'],
])(
  'no order is refused because of the 404 of %s between this service and the catalog',
  async (_who, type, code) => {
    answer = { status: 404, type, body: { code, detail: 'canary' } };
    const { problem, retryAfter, log } = await refusal(service);
    expect(problem).toMatchObject({ status: 503, code: 'unavailable', errors: [] });
    expect(retryAfter).not.toBeNull();
    expect(JSON.stringify(log)).toContain('Check the base URL of the catalog');
  },
);

test('a missing key file of this service answers 503, and the log names the file', async () => {
  await using keyless = await startOrders('nowhere/key.json');
  const { problem, log } = await refusal(keyless);
  expect([problem.status, problem.code]).toEqual([503, 'unavailable']);
  expect(log).toMatchObject({
    level: 'error',
    err: { message: expect.stringContaining('nowhere/key.json cannot be read') as string },
  });
});
