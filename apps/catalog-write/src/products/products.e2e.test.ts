import { problemSchema, productSchema, type Product } from '@catalog/contracts';
import { rawHttp } from '@catalog/testing';
import { afterAll, beforeEach, expect, test } from 'vitest';
import {
  runningService,
  validProduct,
  type CallOptions,
  type RunningService,
} from '../testing/running-service.ts';

const service = await runningService();
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(async () => {
  await service.owner.query('delete from catalog.products');
});

async function create(change: Record<string, unknown> = {}): Promise<{ product: Product; etag: string }> {
  const res = await service.call('POST', '/v1/products', { body: { ...validProduct, ...change } });
  expect(res.status).toBe(201);
  return { product: productSchema.parse(await res.json()), etag: res.headers.get('etag') ?? '' };
}

const patch = (
  id: string,
  body: unknown,
  headers: Record<string, string>,
  type = 'application/merge-patch+json',
) => service.call('PATCH', `/v1/products/${id}`, { body, headers, type });

/** Status and code of a refusal, and the parts of the request that it names. Fails if the request changed anything. */
async function refusal(
  call: () => Promise<Response>,
): Promise<[status: number, code: string, named: unknown[]]> {
  const before = await service.state();
  const res = await call();
  expect(res.headers.get('content-type')).toBe('application/problem+json');
  const problem = problemSchema.parse(await res.json());
  expect(problem.status).toBe(res.status);
  expect(await service.state()).toEqual(before);
  const named = problem.errors.map((error) => error.pointer ?? error.parameter ?? error.header);
  // The empty pointer names the whole body. A field may break two rules.
  return [res.status, problem.code, [...new Set(named)].filter((name) => name !== '')];
}

test('creating a product answers its address, ETag and version', async () => {
  const res = await service.call('POST', '/v1/products', { body: validProduct });
  const product = productSchema.parse(await res.json());
  expect(res.status).toBe(201);
  expect(res.headers.get('location')).toBe(`/v1/products/${product.id}`);
  expect(res.headers.get('etag')).toBe(`"${product.version}-1"`);
  expect(res.headers.get('catalog-version')).toBe(String(product.version));
  expect(product).toMatchObject({ ...validProduct, status: 'draft', attributes: {}, gtin: null });
});

test('a merge patch changes the fields that it names, and attributes key by key', async () => {
  const { product, etag } = await create({ gtin: '4006381333931', attributes: { a: 1, b: true } });
  const res = await patch(
    product.id,
    { name: 'Lamp 2', gtin: null, attributes: { a: null, c: 'x' } },
    { 'If-Match': etag },
  );
  expect(res.status).toBe(200);
  const changed = productSchema.parse(await res.json());
  expect(changed).toEqual({
    ...product,
    name: 'Lamp 2',
    gtin: null,
    attributes: { b: true, c: 'x' },
    version: changed.version,
    updatedAt: changed.updatedAt,
  });
  expect(changed.version).toBeGreaterThan(product.version);
  expect(res.headers.get('etag')).toBe(`"${changed.version}-1"`);
  expect(res.headers.get('catalog-version')).toBe(String(changed.version));
});

test('a patch that changes nothing makes no new version', async () => {
  const { product, etag } = await create();
  const before = await service.state();
  const res = await patch(product.id, { name: product.name }, { 'If-Match': etag }, 'application/json');
  expect(res.headers.get('catalog-version')).toBe(String(product.version));
  expect(await service.state()).toEqual(before);
});

test('a delete answers the version of the tombstone', async () => {
  const { product, etag } = await create();
  const res = await service.call('DELETE', `/v1/products/${product.id}`, { headers: { 'If-Match': etag } });
  expect(res.status).toBe(204);
  const { rows } = await service.owner.query('select version from catalog.tombstones where key = $1', [
    product.id,
  ]);
  expect(rows).toEqual([{ version: Number(res.headers.get('catalog-version')) }]);
  expect(Number(res.headers.get('catalog-version'))).toBeGreaterThan(product.version);
});

test.each<[string, string, Record<string, string>, [number, string]]>([
  ['no If-Match', 'own', {}, [428, 'precondition_required']],
  ['an old tag', 'own', { 'If-Match': '"1-1"' }, [412, 'version_changed']],
  ['the weak form of an old tag', 'own', { 'If-Match': 'W/"1-1"' }, [412, 'version_changed']],
  ['a tag of another payload schema', 'own', { 'If-Match': '"1-999"' }, [412, 'version_changed']],
  ['a malformed If-Match', 'own', { 'If-Match': 'own"' }, [400, 'invalid_request']],
  ['a malformed id', 'not-a-uuid', { 'If-Match': '*' }, [400, 'invalid_request']],
  ['an unknown id', '01890000-0000-7000-8000-000000000000', { 'If-Match': '*' }, [404, 'not_found']],
])('PATCH and DELETE with %s are refused and change nothing', async (_name, id, headers, [status, code]) => {
  const { product, etag } = await create();
  const address = id === 'own' ? product.id : id;
  const sent = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replace('own', etag)]),
  );
  expect((await refusal(() => patch(address, { name: 'x' }, sent))).slice(0, 2)).toEqual([status, code]);
  const remove = () => service.call('DELETE', `/v1/products/${address}`, { headers: sent });
  expect((await refusal(remove)).slice(0, 2)).toEqual([status, code]);
});

test('a list of tags matches when one tag matches, and "*" matches any version', async () => {
  const { product, etag } = await create();
  expect((await patch(product.id, { name: 'x' }, { 'If-Match': `"1-1", ${etag}` })).status).toBe(200);
  expect((await patch(product.id, { name: 'y' }, { 'If-Match': '*' })).status).toBe(200);
});

test('the weak form of the current tag matches, as a proxy that compresses sends it', async () => {
  const { product, etag } = await create();
  expect((await patch(product.id, { name: 'x' }, { 'If-Match': `W/${etag}` })).status).toBe(200);
  expect((await patch(product.id, { name: 'y' }, { 'If-Match': `W/${etag}` })).status).toBe(412);
});

const badBodies: [string, Record<string, unknown>, string, string[]][] = [
  ['an unknown field', { colour: 'red' }, 'invalid_request', ['/colour']],
  [
    'id, version and createdAt',
    { id: '01890000-0000-7000-8000-000000000000', version: 1, createdAt: '2020-01-01T00:00:00Z' },
    'invalid_request',
    ['/id', '/version', '/createdAt'],
  ],
  ['a wrong type', { priceMinor: '12' }, 'invalid_request', ['/priceMinor']],
  ['a fraction', { weightGrams: 1.5 }, 'invalid_request', ['/weightGrams']],
  ['a number out of range', { weightGrams: 2_147_483_648 }, 'invalid_request', ['/weightGrams']],
  ['a price beyond 2^53', { priceMinor: 2 ** 53 + 2 }, 'invalid_request', ['/priceMinor']],
  ['a negative price', { priceMinor: -1 }, 'invalid_request', ['/priceMinor']],
  ['a zero length', { lengthMm: 0 }, 'invalid_request', ['/lengthMm']],
  ['a bad check digit', { gtin: '4006381333932' }, 'invalid_request', ['/gtin']],
  ['a SKU with NUL', { sku: 'A\0B' }, 'invalid_request', ['/sku']],
  ['a SKU of look-alike letters', { sku: 'А-1' }, 'invalid_request', ['/sku']],
  ['a blank name', { name: ' \u00a0 ' }, 'invalid_request', ['/name']],
  ['a lone surrogate', { name: '\ud800' }, 'invalid_request', ['/name']],
  ['a lower-case currency', { currency: 'eur' }, 'invalid_request', ['/currency']],
  ['an unknown status', { status: 'gone' }, 'invalid_request', ['/status']],
  ['a nested attribute', { attributes: { a: { b: 1 } } }, 'invalid_request', ['/attributes/a']],
  ['a bad attribute key', { attributes: { 'a b': 1 } }, 'invalid_request', ['/attributes/a b']],
  [
    'half of a pair in an attribute key',
    { attributes: { 'k\ud800': null } },
    'invalid_request',
    ['/attributes/k\ufffd'],
  ],
  ['NUL in the name of an unknown field', { 'x\0': 1 }, 'invalid_request', ['/x\ufffd']],
  ['a currency that does not exist', { currency: 'ABC' }, 'invalid_request', ['/currency']],
  [
    'the attribute "constructor"',
    { attributes: { constructor: 'x' } },
    'invalid_request',
    ['/attributes/constructor'],
  ],
];

test.each(badBodies)('POST with %s is refused with the field', async (_name, change, code, named) => {
  const answer = await refusal(() =>
    service.call('POST', '/v1/products', { body: { ...validProduct, ...change } }),
  );
  expect(answer).toEqual([400, code, named]);
});

test.each(badBodies)('PATCH with %s is refused with the field', async (_name, change, code, named) => {
  const { product } = await create();
  expect(await refusal(() => patch(product.id, change, { 'If-Match': '*' }))).toEqual([400, code, named]);
});

test('a patch cannot merge more attributes than a product may have', async () => {
  const many = (from: number) =>
    Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`k${from + index}`, index]));
  const { product } = await create({ attributes: many(0) });
  const answer = await refusal(() => patch(product.id, { attributes: many(60) }, { 'If-Match': '*' }));
  expect(answer).toEqual([400, 'invalid_request', ['/attributes']]);
});

test.each([{}, null, [], 'x', 1])('a patch of %j is refused', async (body) => {
  const { product } = await create();
  expect((await refusal(() => patch(product.id, body, { 'If-Match': '*' }))).slice(0, 2)).toEqual([
    400,
    'invalid_request',
  ]);
});

test.each<[string, CallOptions, [number, string]]>([
  ['no content type', { raw: '{}' }, [415, 'unsupported_media_type']],
  ['a form', { raw: 'sku=A', type: 'application/x-www-form-urlencoded' }, [415, 'unsupported_media_type']],
  [
    'a charset that is not UTF-8',
    { raw: '{}', type: 'application/json; charset=latin1' },
    [415, 'unsupported_media_type'],
  ],
  [
    'a compressed body',
    { raw: '{}', type: 'application/json', headers: { 'Content-Encoding': 'gzip' } },
    [415, 'unsupported_media_type'],
  ],
  ['no body', { type: 'application/json' }, [400, 'malformed_request']],
  ['broken JSON', { raw: '{"sku":', type: 'application/json' }, [400, 'malformed_request']],
  [
    'a body that is not UTF-8',
    { raw: Buffer.from([0x22, 0xff, 0x22]), type: 'application/json' },
    [400, 'malformed_request'],
  ],
  [
    'a __proto__ key',
    { raw: '{"__proto__":{"admin":true}}', type: 'application/json' },
    [400, 'invalid_request'],
  ],
  ['JSON 100,000 deep', { raw: '['.repeat(100_000), type: 'application/json' }, [400, 'malformed_request']],
  [
    'a body over the limit',
    { raw: JSON.stringify({ ...validProduct, description: 'x'.repeat(300_000) }), type: 'application/json' },
    [413, 'body_too_large'],
  ],
])('POST with %s is refused', async (_name, options, [status, code]) => {
  expect((await refusal(() => service.call('POST', '/v1/products', options))).slice(0, 2)).toEqual([
    status,
    code,
  ]);
});

test('a body that ends before its length creates nothing', async () => {
  const before = await service.state();
  const body = JSON.stringify(validProduct);
  const answer = await rawHttp(
    service.port,
    `POST /v1/products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${service.token()}\r\nContent-Type: application/json\r\nContent-Length: ${body.length + 10}\r\n\r\n${body}`,
  );
  expect(answer).not.toContain('201');
  expect(await service.state()).toEqual(before);
});

test('a used SKU is a conflict, on POST and on PATCH', async () => {
  await create();
  const { product } = await create({ sku: 'LAMP-2' });
  expect(await refusal(() => service.call('POST', '/v1/products', { body: validProduct }))).toEqual([
    409,
    'sku_taken',
    ['/sku'],
  ]);
  expect(await refusal(() => patch(product.id, { sku: 'LAMP-1' }, { 'If-Match': '*' }))).toEqual([
    409,
    'sku_taken',
    ['/sku'],
  ]);
});

test.each<[string, (service: RunningService) => Record<string, string>, number]>([
  ['no token', () => ({ Authorization: '' }), 401],
  [
    'a token without the scope',
    ({ token }) => ({ Authorization: `Bearer ${token({ scope: 'catalog:read' })}` }),
    403,
  ],
  [
    'a token for another service',
    ({ token }) => ({ Authorization: `Bearer ${token({ aud: 'catalog-read' })}` }),
    401,
  ],
])('every write with %s is refused', async (_name, headers, status) => {
  const { product } = await create();
  const sent = { ...headers(service), 'If-Match': '*' };
  const calls: [string, string, CallOptions][] = [
    ['POST', '/v1/products', { body: { ...validProduct, sku: 'X' }, headers: sent }],
    ['PATCH', `/v1/products/${product.id}`, { body: { name: 'x' }, headers: sent }],
    ['DELETE', `/v1/products/${product.id}`, { headers: sent }],
    ['PATCH', '/v1/settings', { body: { storeName: 'x' }, headers: sent }],
    ['POST', '/v1/imports', { raw: 'sku\n', type: 'text/csv', headers: sent }],
    ['GET', '/v1/imports/01890000-0000-7000-8000-000000000000', { headers: sent }],
  ];
  for (const [method, path, options] of calls) {
    expect([path, (await refusal(() => service.call(method, path, options)))[0]]).toEqual([path, status]);
  }
});

test('of 20 patches of the same version exactly one succeeds', async () => {
  const { product, etag } = await create();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => patch(product.id, { name: `n${index}` }, { 'If-Match': etag })),
  );
  expect(answers.map((res) => res.status).sort((a, b) => a - b)).toEqual([
    200,
    ...Array.from({ length: 19 }, () => 412),
  ]);
  const winner = productSchema.parse(await answers.find((res) => res.status === 200)?.json());
  const { rows } = await service.owner.query('select name, version from catalog.products where id = $1', [
    product.id,
  ]);
  expect(rows).toEqual([{ name: winner.name, version: winner.version }]);
});

test('a change of a row that another transaction locks answers "busy" after about two seconds', async () => {
  const { product } = await create();
  {
    const lock = 'select from catalog.products where id = $1 for update';
    await using _other = await service.otherTransaction(lock, [product.id]);
    const res = await patch(product.id, { name: 'x' }, { 'If-Match': '*' });
    expect([res.status, res.headers.get('retry-after')]).toEqual([409, '1']);
    expect(problemSchema.parse(await res.json()).code).toBe('busy');
  }
  expect((await patch(product.id, { name: 'x' }, { 'If-Match': '*' })).status).toBe(200);
});

test('settings need the same preconditions as products', async () => {
  const first = await service.call('PATCH', '/v1/settings', {
    body: { storeName: 'Shop' },
    headers: { 'If-Match': '*' },
  });
  expect(first.status).toBe(200);
  const etag = first.headers.get('etag') ?? '';
  expect(first.headers.get('catalog-version')).toBe(/\d+/.exec(etag)?.[0]);
  const settings = (body: unknown, headers: Record<string, string>) =>
    service.call('PATCH', '/v1/settings', { body, headers });
  expect((await settings({ lowStockThreshold: 3 }, { 'If-Match': etag })).status).toBe(200);
  expect((await refusal(() => settings({ lowStockThreshold: 4 }, { 'If-Match': etag }))).slice(0, 2)).toEqual(
    [412, 'version_changed'],
  );
  expect((await refusal(() => settings({ lowStockThreshold: 4 }, {}))).slice(0, 2)).toEqual([
    428,
    'precondition_required',
  ]);
  expect(await refusal(() => settings({ lowStockThreshold: -1, version: 3 }, { 'If-Match': '*' }))).toEqual([
    400,
    'invalid_request',
    ['/lowStockThreshold', '/version'],
  ]);
});

test.each(['', ' \t ', 'a\0b', 'a\u001b[31m', 'a\nb', 'a\ud800', 'x'.repeat(201)])(
  'the store name %j is refused',
  async (storeName) => {
    const answer = await refusal(() =>
      service.call('PATCH', '/v1/settings', { body: { storeName }, headers: { 'If-Match': '*' } }),
    );
    expect(answer).toEqual([400, 'invalid_request', ['/storeName']]);
  },
);

test.each([
  ['{"attributes":{"serial":12345678901234567890}}', '/attributes/serial', /send it as a string/],
  ['{"priceMinor":1,"priceMinor":500}', '/priceMinor', /twice/],
])('a patch with %s is refused, because it has no exact meaning', async (raw, pointer, says) => {
  const { product } = await create();
  const res = await service.call('PATCH', `/v1/products/${product.id}`, {
    raw,
    headers: { 'If-Match': '*' },
    type: 'application/merge-patch+json',
  });
  expect(res.status).toBe(400);
  const { errors } = problemSchema.parse(await res.json());
  expect(errors).toMatchObject([{ pointer, message: expect.stringMatching(says) as string }]);
});

test('the OpenAPI document describes every route', async () => {
  const document = (await (await service.call('GET', '/openapi.json')).json()) as {
    paths: Record<string, object>;
  };
  expect(Object.entries(document.paths).map(([path, methods]) => [path, Object.keys(methods)])).toEqual([
    ['/v1/products', ['post']],
    ['/v1/products/{id}', ['patch', 'delete']],
    ['/v1/products/{id}/history', ['get']],
    ['/v1/products/last-changes', ['get']],
    ['/v1/settings', ['patch']],
    ['/v1/imports', ['post']],
    ['/v1/imports/{id}', ['get']],
  ]);
});
