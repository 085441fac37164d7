import {
  PRODUCT,
  productCreateSchema,
  productIdSchema,
  productPatchSchema,
  productSchema,
} from '@catalog/contracts';
import {
  deleteProduct,
  insertProduct,
  updateProduct,
  withTransaction,
  type Pool,
  type PoolClient,
} from '@catalog/database';
import { idempotencyKey, mergePatch, parse, requestTimeout, route, type Route } from '@catalog/service-kit';
import { z } from 'zod';
import {
  changeIfMatch,
  describedVersion,
  describedVersionAndTag,
  ifMatch,
  sendVersioned,
} from '../preconditions/if-match.ts';
import { createOnce } from './create-once.ts';
import { historyRoute } from './history.ts';
import { lastChangesRoute } from './last-changes.ts';

const scope = 'catalog:write';
const params = z.strictObject({ id: productIdSchema });

export function productRoutes({ pool }: { readonly pool: Pool }): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/products',
      summary: 'Create a product',
      scope,
      headers: { key: idempotencyKey, until_ms: requestTimeout },
      body: {
        schema: productCreateSchema,
        example: {
          sku: 'LAMP-7',
          name: 'Desk lamp',
          brand: 'Acme',
          category: 'Lighting',
          gtin: '4006381333931',
          weightGrams: 850,
          priceMinor: 1999,
          currency: 'EUR',
          status: 'active',
          attributes: { watts: 9, dimmable: true },
        },
      },
      answers: {
        201: {
          description: 'Created.',
          schema: productSchema,
          headers: { ...describedVersionAndTag, Location: 'Its address.' },
          sometimes: { 'Idempotency-Replayed': 'true: created before, under the same key.' },
        },
      },
      errors: ['sku_taken', 'conflict', 'busy'],
      async handle({ body, headers: { key, until_ms }, caller: { subject } }, res) {
        const insert = (client: PoolClient) => insertProduct(client, body);
        const created =
          key === undefined
            ? {
                product: await withTransaction(pool, insert, { changedBy: subject, until_ms }),
                repeated: false,
              }
            : await createOnce(pool, { subject, key, product: body, until_ms });
        res.status(201).set('Location', `/v1/products/${created.product.id}`);
        if (created.repeated) res.set('Idempotency-Replayed', 'true');
        sendVersioned(res, PRODUCT, created.product);
      },
    }),

    route({
      method: 'patch',
      path: '/v1/products/{id}',
      summary: 'Change a product by a merge patch (RFC 7396)',
      scope,
      params,
      headers: { allowed: ifMatch(PRODUCT), until_ms: requestTimeout },
      body: mergePatch(productPatchSchema, {
        priceMinor: 2099,
        attributes: { colour: 'black', watts: null },
      }),
      answers: {
        200: {
          description: 'The product as it is now.',
          schema: productSchema,
          headers: describedVersionAndTag,
        },
      },
      errors: ['not_found', 'sku_taken', 'busy'],
      async handle({ params: { id }, body: patch, headers: { allowed, until_ms }, caller }, res) {
        const change = async (client: PoolClient) => {
          const patched = await changeIfMatch(allowed, (expected) =>
            updateProduct(client, id, patch, expected),
          );
          // Only the merged attributes show whether there are too many keys.
          if (patch.attributes !== undefined) checkAttributes(patched.attributes);
          return patched;
        };
        const product = await withTransaction(pool, change, { changedBy: caller.subject, until_ms });
        sendVersioned(res, PRODUCT, product);
      },
    }),

    route({
      method: 'delete',
      path: '/v1/products/{id}',
      summary: 'Delete a product',
      scope,
      params,
      headers: { allowed: ifMatch(PRODUCT), until_ms: requestTimeout },
      answers: { 204: { description: 'Deleted.', headers: describedVersion } },
      errors: ['not_found', 'busy'],
      async handle({ params: { id }, headers: { allowed, until_ms }, caller }, res) {
        const remove = (client: PoolClient) =>
          changeIfMatch(allowed, (expected) => deleteProduct(client, id, expected));
        const { version } = await withTransaction(pool, remove, { changedBy: caller.subject, until_ms });
        res.status(204).set('Catalog-Version', String(version)).end();
      },
    }),

    historyRoute(pool, params),
    lastChangesRoute(pool),
  ];
}

const attributesOnly = productCreateSchema.pick({ attributes: true });
const checkAttributes = (attributes: unknown) => parse(attributesOnly, { attributes }, 'body');
