import {
  etagOf,
  PRODUCT,
  productCreateSchema,
  productIdSchema,
  productPatchSchema,
  type Product,
  type ProductPatch,
} from '@catalog/contracts';
import {
  deleteProduct,
  insertProduct,
  updateProduct,
  withTransaction,
  type Pool,
  type PoolClient,
} from '@catalog/database';
import { jsonBody, parse, parseIdempotencyKey, waitsUntil } from '@catalog/service-kit';
import type { Express, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { createOnce } from '../idempotency/create-once.ts';
import { changeIfMatch, parseIfMatch } from '../preconditions/if-match.ts';
import { mergePatchTypes } from '../preconditions/merge-patch.ts';

export const productParams = z.strictObject({ id: productIdSchema });

export function productRoutes(
  app: Express,
  { pool, mayWrite }: { pool: Pool; mayWrite: RequestHandler },
): void {
  app.post('/v1/products', mayWrite, jsonBody(), async (req, res) => {
    const product = parse(productCreateSchema, req.body, 'body');
    const key = parseIdempotencyKey(req.get('Idempotency-Key'));
    const subject = req.caller?.subject ?? '';
    const until_ms = waitsUntil(req);
    const insert = (client: PoolClient) => insertProduct(client, product);
    const created =
      key === undefined
        ? { product: await withTransaction(pool, insert, { changedBy: subject, until_ms }), repeated: false }
        : await createOnce(pool, { subject, key, product, until_ms });
    res.status(201).set('Location', `/v1/products/${created.product.id}`);
    if (created.repeated) res.set('Idempotency-Replayed', 'true');
    answerProduct(res, created.product);
  });

  app.patch('/v1/products/:id', mayWrite, jsonBody({ types: mergePatchTypes }), async (req, res) => {
    const { id } = parse(productParams, req.params, 'params');
    const patch = parse(productPatchSchema, req.body, 'body');
    const allowed = parseIfMatch(PRODUCT, req.get('If-Match'));
    checkNewAttributes(patch);
    const change = async (client: PoolClient) => {
      const patched = await changeIfMatch(allowed, (expected) => updateProduct(client, id, patch, expected));
      // What was merged obeys rules that no part of it can: the number of keys.
      if (patch.attributes !== undefined) parse(attributesOnly, { attributes: patched.attributes }, 'body');
      return patched;
    };
    const options = { changedBy: req.caller?.subject, until_ms: waitsUntil(req) };
    const product = await withTransaction(pool, change, options);
    answerProduct(res, product);
  });

  app.delete('/v1/products/:id', mayWrite, async (req, res) => {
    const { id } = parse(productParams, req.params, 'params');
    const allowed = parseIfMatch(PRODUCT, req.get('If-Match'));
    const remove = (client: PoolClient) =>
      changeIfMatch(allowed, (expected) => deleteProduct(client, id, expected));
    const options = { changedBy: req.caller?.subject, until_ms: waitsUntil(req) };
    const { version } = await withTransaction(pool, remove, options);
    res.status(204).set('Catalog-Version', String(version)).end();
  });
}

const attributesOnly = productCreateSchema.pick({ attributes: true });

/** The schema of a patch cannot say which keys are allowed, since null removes a key whatever its name. */
function checkNewAttributes(patch: ProductPatch): void {
  if (patch.attributes === undefined) return;
  const attributes = Object.fromEntries(
    Object.entries(patch.attributes).filter(([, value]) => value !== null),
  );
  parse(attributesOnly, { attributes }, 'body');
}

function answerProduct(res: Response, product: Product): void {
  res
    .set('ETag', etagOf(PRODUCT, product.version))
    .set('Catalog-Version', String(product.version))
    .json(product);
}
