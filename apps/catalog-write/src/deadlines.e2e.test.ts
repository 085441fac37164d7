import { randomUUID } from 'node:crypto';
import { problemSchema, productSchema } from '@catalog/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runningService, validProduct, type RunningService } from './testing/running-service.ts';

let service: RunningService;
let id: string;
beforeAll(async () => {
  service = await runningService();
  const res = await service.call('POST', '/v1/products', { body: validProduct });
  ({ id } = productSchema.parse(await res.json()));
});
afterAll(() => service[Symbol.asyncDispose]());

const anyVersion = { 'If-Match': '*' };
const as = (sub: string) => ({ Authorization: `Bearer ${service.token({ sub })}` });
const rename = (name: string, headers: Record<string, string> = {}) =>
  service.call('PATCH', `/v1/products/${id}`, { body: { name }, headers: { ...anyVersion, ...headers } });

/** Another transaction locks the product. */
const lockProduct = () =>
  service.otherTransaction('select from catalog.products where id = $1 for update', [id]);

async function waitingForLocks(count: number): Promise<void> {
  await expect
    .poll(async () => {
      const waiting = await service.owner.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return waiting.rowCount;
    })
    .toBe(count);
}

async function expectDeadlineExceeded(response: Response): Promise<void> {
  const problem = problemSchema.parse(await response.json());
  expect(problem).toMatchObject({ status: 503, code: 'unavailable' });
  expect(problem.detail).toContain('Request-Timeout-Ms');
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
}

test('a request waits for a lock no longer than its caller, and then changes nothing', async () => {
  const before = await service.state();
  {
    await using _lock = await lockProduct();
    const answered: string[] = [];
    const ask = async (who: string, timeout_ms: number) => {
      const response = await rename('Too late', { 'Request-Timeout-Ms': String(timeout_ms) });
      answered.push(who);
      return response;
    };
    // Its deadline is longer than the lock timeout, so it gets the answer of the lock timeout.
    const patient = ask('patient', 60_000);
    await waitingForLocks(1);
    await expectDeadlineExceeded(await ask('hurried', 100));
    expect(problemSchema.parse(await (await patient).json())).toMatchObject({ status: 409, code: 'busy' });
    expect(answered).toEqual(['hurried', 'patient']);
  }
  expect(await service.state()).toEqual(before);
});

test('a request waits for a connection no longer than its caller, and then does not begin', async () => {
  const lock = await lockProduct();
  // As many as the pool has connections, and no caller gets more than half of them.
  const waiting = Array.from({ length: 25 }, (_, n) => rename(`Lamp ${n}`, as(`caller ${n % 3}`)));
  const { rows } = await service.owner.query('select count(*) as keys from catalog.idempotency_keys');
  try {
    await waitingForLocks(25);
    const hurried = { 'Request-Timeout-Ms': '100' };
    const other = { ...validProduct, sku: 'LAMP-2' };
    const asked = [
      service.call('POST', '/v1/products', { body: other, headers: hurried }),
      service.call('POST', '/v1/products', { body: other, headers: { ...hurried, 'Idempotency-Key': 'k' } }),
      rename('Too late', hurried),
      service.call('DELETE', `/v1/products/${id}`, { headers: { ...anyVersion, ...hurried } }),
      service.call('GET', `/v1/products/${id}/history`, { headers: hurried }),
      service.call('PATCH', '/v1/settings', {
        body: { storeName: 'Too late' },
        headers: { ...anyVersion, ...hurried },
      }),
      service.call('GET', `/v1/imports/${randomUUID()}`, { headers: hurried }),
    ];
    for (const response of await Promise.all(asked)) await expectDeadlineExceeded(response);
  } finally {
    await lock[Symbol.asyncDispose]();
  }
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(waiting.map(() => 200));
  const left = await service.owner.query<{ name: string }>('select name from catalog.products');
  expect(left.rows).toMatchObject([{ name: expect.stringMatching(/^Lamp \d+$/) as string }]);
  const settings = await service.owner.query(`select from catalog.settings where store_name = 'Too late'`);
  expect(settings.rowCount).toBe(0);
  expect(await service.owner.query('select count(*) as keys from catalog.idempotency_keys')).toMatchObject({
    rows,
  });
});

test('one caller gets at most half of the connections, and another caller changes a product meanwhile', async () => {
  const greedy = [];
  {
    await using _lock = await lockProduct();
    greedy.push(...Array.from({ length: 40 }, (_, n) => rename(`Lamp ${n}`, as('greedy'))));
    await waitingForLocks(12);
    const body = { ...validProduct, sku: 'LAMP-3' };
    const headers = { ...as('other'), 'Request-Timeout-Ms': '1000' };
    expect((await service.call('POST', '/v1/products', { body, headers })).status).toBe(201);
    await waitingForLocks(12);
  }
  for (const { status } of await Promise.all(greedy)) expect(status).toBe(200);
});

test('a request without time left changes nothing, and one with enough time succeeds', async () => {
  const before = await service.state();
  await expectDeadlineExceeded(await rename('Never', { 'Request-Timeout-Ms': '0' }));
  expect((await rename('Never', { 'Request-Timeout-Ms': 'soon' })).status).toBe(400);
  expect(await service.state()).toEqual(before);
  expect((await rename('In time', { 'Request-Timeout-Ms': '60000' })).status).toBe(200);
});

test('one caller reads two pages of histories at once, and another caller reads meanwhile', async () => {
  const read = (sub: string) => service.call('GET', `/v1/products/${id}/history`, { headers: as(sub) });
  const asked = [];
  {
    await using _lock = await service.otherTransaction(
      'lock table catalog.product_history in access exclusive mode',
    );
    asked.push(...Array.from({ length: 8 }, () => read('greedy')));
    await waitingForLocks(2);
    asked.push(read('other'));
    await waitingForLocks(3);
  }
  for (const { status } of await Promise.all(asked)) expect(status).toBe(200);
});
