/** Writes a product through the API, for a row. */
import type { System } from '../system/system.ts';
import { call, type Answer } from './call.ts';

export async function writeProduct(
  system: System,
  method: string,
  path: string,
  body?: object,
  headers = {},
  service = system.stack.url('catalog-write'),
): Promise<Answer> {
  const token = await system.stack.token('catalog-write', 'catalog:write');
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const text = body === undefined ? undefined : JSON.stringify(body);
  return call(
    undefined,
    method,
    `${service}/v1/products${path}`,
    {
      authorization: `Bearer ${token}`,
      ...(text !== undefined && { 'content-type': type, 'content-length': String(Buffer.byteLength(text)) }),
      ...headers,
    },
    text,
  );
}
