import { randomUUID } from 'node:crypto';
import { productSchema } from '@catalog/contracts';
import { openApiChecker, type OpenApiChecker } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { csv, csvRow } from './testing/import-calls.ts';
import {
  runningService,
  validProduct,
  type CallOptions,
  type RunningService,
} from './testing/running-service.ts';

let service: RunningService;
let api: OpenApiChecker;
beforeAll(async () => {
  service = await runningService();
  api = await openApiChecker(`http://127.0.0.1:${service.port}/openapi.json`);
});
afterAll(() => service[Symbol.asyncDispose]());

test('every operation answers as the OpenAPI document describes it', async () => {
  const asked = new Set<string>();
  const ask = async (operation: string, path: string, status: number, options: CallOptions = {}) => {
    asked.add(operation);
    const [method = ''] = operation.split(' ');
    const res = await service.call(method.toUpperCase(), path, options);
    expect([operation, res.status]).toEqual([operation, status]);
    const body = res.clone();
    await api.check(operation, res);
    return body;
  };
  const anyVersion = { 'If-Match': '*' };
  const nobody = { Authorization: '' };
  const reader = { Authorization: `Bearer ${service.token({ scope: 'catalog:read' })}` };

  const create = 'post /v1/products';
  const key = { 'Idempotency-Key': 'one' };
  const created = await ask(create, '/v1/products', 201, { body: validProduct, headers: key });
  const { id } = productSchema.parse(await created.json());
  await ask(create, '/v1/products', 201, { body: validProduct, headers: key });
  await ask(create, '/v1/products', 422, { body: { ...validProduct, name: 'x' }, headers: key });
  await ask(create, '/v1/products', 409, { body: validProduct });
  await ask(create, '/v1/products', 400, { body: { ...validProduct, gtin: '1' } });
  await ask(create, '/v1/products', 401, { body: validProduct, headers: nobody });
  await ask(create, '/v1/products', 403, { body: validProduct, headers: reader });
  await ask(create, '/v1/products', 413, { body: { ...validProduct, description: 'x'.repeat(300_000) } });
  await ask(create, '/v1/products', 415, { raw: 'sku=A', type: 'text/plain' });

  // The examples of the document succeed, in the order in which a person tries them.
  const tried = await ask(create, '/v1/products', 201, { body: api.example(create).body });
  const { id: triedId } = productSchema.parse(await tried.json());
  const patch = 'patch /v1/products/{id}';
  await ask(patch, `/v1/products/${triedId}`, 200, { ...api.example(patch), headers: anyVersion });
  await ask(patch, `/v1/products/${id}`, 200, { body: { name: 'Lamp 2' }, headers: anyVersion });
  await ask(patch, `/v1/products/${id}`, 400, { body: {}, headers: anyVersion });
  await ask(patch, `/v1/products/${randomUUID()}`, 404, { body: { name: 'x' }, headers: anyVersion });
  await ask(patch, `/v1/products/${id}`, 412, { body: { name: 'x' }, headers: { 'If-Match': '"1-1"' } });
  await ask(patch, `/v1/products/${id}`, 428, { body: { name: 'x' } });

  const history = 'get /v1/products/{id}/history';
  await ask(history, `/v1/products/${id}/history?limit=1`, 200);
  await ask(history, `/v1/products/${id}/history?limit=0`, 400);
  await ask(history, `/v1/products/${randomUUID()}/history`, 404);
  const lastChanges = 'get /v1/products/last-changes';
  await ask(lastChanges, `/v1/products/last-changes?ids=${id},${randomUUID()}`, 200);
  await ask(lastChanges, '/v1/products/last-changes', 400);

  const imports = 'post /v1/imports';
  const file: CallOptions = { raw: csv(csvRow('A'), csvRow('B', 'x', 'free')), type: 'text/csv' };
  for (const type of ['text/csv', 'application/x-ndjson']) {
    const { body } = api.example(imports, type);
    await ask(imports, '/v1/imports', 200, { raw: String(body), type });
  }
  const importId = { 'Import-Id': randomUUID() };
  await ask(imports, '/v1/imports?mode=skip-failed', 200, { ...file, headers: importId });
  await ask(imports, '/v1/imports?dryRun=true', 422, file);
  await ask(imports, '/v1/imports?dryRun=true', 200, { ...file, raw: csv(csvRow('A', 'New')) });
  await ask(imports, '/v1/imports', 409, { ...file, headers: importId });
  await ask(imports, '/v1/imports', 400, { raw: 'sku;name\n', type: 'text/csv' });
  await ask(imports, '/v1/imports', 415, { body: [] });
  const progress = 'get /v1/imports/{id}';
  await ask(progress, `/v1/imports/${importId['Import-Id']}`, 200);
  await ask(progress, '/v1/imports/1', 400);
  await ask(progress, `/v1/imports/${randomUUID()}`, 404);

  const settings = 'patch /v1/settings';
  await ask(settings, '/v1/settings', 200, { body: { storeName: 'Shop' }, headers: anyVersion });
  await ask(settings, '/v1/settings', 200, { ...api.example(settings), headers: anyVersion });
  await ask(settings, '/v1/settings', 400, { body: { storeName: '' }, headers: anyVersion });
  await ask(settings, '/v1/settings', 428, { body: { storeName: 'x' } });

  const remove = 'delete /v1/products/{id}';
  await ask(remove, `/v1/products/${id}`, 412, { headers: { 'If-Match': '"1-1"' } });
  await ask(remove, `/v1/products/${id}`, 204, { headers: anyVersion });
  await ask(remove, `/v1/products/${id}`, 404, { headers: anyVersion });

  await using limited = await runningService({ requestsPerMinute: 1 });
  const path = `/v1/products/${randomUUID()}/history`;
  for (const status of [404, 429]) {
    const res = await limited.call('GET', path);
    expect(res.status).toBe(status);
    await api.check(history, res);
  }

  expect(asked).toEqual(new Set(api.operations));
  expect(api.describing(429)).toEqual(api.operations);
  // Every route with a body may answer 408 when the body arrives too slowly.
  expect(new Set(api.describing(408))).toEqual(new Set([create, patch, settings, imports]));
});
